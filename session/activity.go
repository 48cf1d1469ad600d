package session

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"
)

// Activity is what happened somewhere in an hour, or in several: counts by name,
// durations as histograms, and about how many people took part. The zero value is
// nothing; it is not safe for concurrent use.
//
// Who took part is not in it: each person makes one of 16,384 marks, which a
// hundredth of a percent of all people share, and the number of people is estimated
// from the number of marks (K.-Y. Whang, B. T. Vander-Zanden, H. M. Taylor, A
// linear-time probabilistic counting algorithm for database applications, 1990).
type Activity struct {
	Counts map[string]int64 // by name as ValidateID wants it
	Marks  map[int]bool     // of people, 0 to marks-1
}

// Batch names what is added to activities at once, so that a store that is told twice adds
// it once. The batches of a writer have rising numbers from 1; to an hour of a place each is
// added before the next, for one that comes after a later one is taken for known.
type Batch struct {
	Writer string // as ValidateID wants it; another after each start
	N      int64
}

// Validate reports a batch that no store accepts.
func (b Batch) Validate() error {
	if b.N < 1 {
		return fmt.Errorf("batch %d of %s: want a number from 1", b.N, b.Writer)
	}
	return ValidateID("writer", b.Writer)
}

// marks is the number of marks there are: the standard error of People is below 1 %
// up to 5,000 people.
const marks = 1 << 14

// Buckets of durations: bucket i begins at 100 µs × 2^(i/4); the last has no end.
const (
	leastDuration = 100 * time.Microsecond
	perOctave     = 4
	buckets       = 24 * perOctave
)

// Add adds n to a count.
func (a *Activity) Add(name string, n int64) {
	if a.Counts == nil {
		a.Counts = map[string]int64{}
	}
	a.Counts[name] += n
}

// Saw notes that a person took part; an empty id is nobody.
func (a *Activity) Saw(personID string) {
	if personID == "" {
		return
	}
	h := fnv.New64a()
	h.Write([]byte(personID))
	x := h.Sum64() // its low bits of similar ids are similar: mixed as in SplitMix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	if a.Marks == nil {
		a.Marks = map[int]bool{}
	}
	a.Marks[int((x^x>>31)%marks)] = true
}

// Observe adds a duration to the histogram of that name. Its buckets are the counts
// "name:0" and on; negative durations count as 0.
func (a *Activity) Observe(name string, d time.Duration) {
	i := 0
	if d > leastDuration {
		i = min(int(perOctave*math.Log2(float64(d)/float64(leastDuration))), buckets-1)
	}
	a.Add(name+":"+strconv.Itoa(i), 1)
}

// Merge adds what happened elsewhere or at another time; b is unchanged.
func (a *Activity) Merge(b Activity) {
	for name, n := range b.Counts {
		a.Add(name, n)
	}
	if len(b.Marks) > 0 && a.Marks == nil {
		a.Marks = make(map[int]bool, len(b.Marks))
	}
	for m := range b.Marks {
		a.Marks[m] = true
	}
}

// Validate reports an activity that no store accepts.
func (a Activity) Validate() error {
	for name := range a.Counts {
		if err := ValidateID("counter", name); err != nil {
			return err
		}
	}
	for m := range a.Marks {
		if m < 0 || m >= marks {
			return fmt.Errorf("mark %d is none of 0 to %d", m, marks-1)
		}
	}
	return nil
}

// People is about how many people took part.
func (a Activity) People() int {
	n := min(len(a.Marks), marks-1)
	return int(math.Round(-marks * math.Log1p(-float64(n)/marks)))
}

// Quantile is the p-quantile, 0 to 1, of the histogram of that name, to within a
// fifth; 0 of nothing.
func (a Activity) Quantile(name string, p float64) time.Duration {
	var h [buckets]int64
	total := int64(0)
	for key, n := range a.Counts {
		if i, err := strconv.Atoi(strings.TrimPrefix(key, name+":")); err == nil && strings.HasPrefix(key, name+":") && i >= 0 && i < buckets {
			h[i] += n
			total += n
		}
	}
	if total <= 0 {
		return 0
	}
	before, rank := int64(0), p*float64(total)
	for i, n := range h {
		if n > 0 && float64(before+n) >= rank {
			at := float64(i) + (rank-float64(before))/float64(n)
			return time.Duration(float64(leastDuration) * math.Exp2(at/perOctave))
		}
		before += n
	}
	return 0 // not reached: the last bucket that holds something ends at total
}
