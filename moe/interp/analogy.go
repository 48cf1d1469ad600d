package interp

import (
	"math"
	"slices"
	"strings"
)

// Analogies is how often b - a + c is nearest to d, for word pairs a to b as c to d.
type Analogies struct {
	Items    []Analogy `json:"items"`
	First    Estimate  `json:"first"`    // share in which d is nearest, a, b and c left out
	Ten      Estimate  `json:"ten"`      // share in which it is among the ten nearest
	NullTen  Estimate  `json:"null_ten"` // the same if c alone is asked for, without b - a
	Untested int       `json:"untested"` // items whose words are not one token each
}

// Analogy is one item: a is to b as c is to d.
type Analogy struct {
	A, B, C, D string
	Rank       int    `json:"rank"` // of d, 0 for the nearest
	Nearest    string `json:"nearest"`
}

// relations are pairs in the same relation; each two of a line make an item.
var relations = []string{
	"man men, woman women, child children",
	"day days, year years, week weeks, hour hours, month months",
	"thing things, friend friends, book books, hand hands, eye eyes, word words",
	"go went, come came, see saw, take took, give gave, know knew, say said, find found",
	"look looked, want wanted, call called, turn turned, work worked, ask asked",
	"good better, old older, great greater, long longer",
	"I me, he him, she her, they them, we us",
	"I my, you your, he his, she her, they their, we our",
	"man woman, boy girl, father mother, brother sister, son daughter, king queen, he she, his her",
	"one first, two second, three third, four fourth",
}

// analogies tries all items whose words are one token each.
func (l *Lab) analogies(table [][]float64) *Analogies {
	out := &Analogies{}
	rows := units(table)
	first, ten, plain := 0, 0, 0
	for _, line := range relations {
		pairs := strings.Split(line, ", ")
		for i, p := range pairs {
			for j, q := range pairs {
				if i == j {
					continue
				}
				var ids []int32
				for _, w := range strings.Fields(p + " " + q) {
					if t := l.Tok.Encode(" "+w, false); len(t) == 1 {
						ids = append(ids, t[0])
					}
				}
				if len(ids) < 4 {
					out.Untested++
					continue
				}
				rank, top := l.analogy(rows, ids, true)
				alone, _ := l.analogy(rows, ids, false)
				if rank == 0 {
					first++
				}
				if rank < 10 {
					ten++
				}
				if alone < 10 {
					plain++
				}
				out.Items = append(out.Items, Analogy{l.Show(ids[0]), l.Show(ids[1]), l.Show(ids[2]), l.Show(ids[3]), rank, l.Show(top)})
			}
		}
	}
	n := len(out.Items)
	out.First, out.Ten, out.NullTen = share(first, n), share(ten, n), share(plain, n)
	return out
}

// analogy is the rank of ids[3] near to ids[1] - ids[0] + ids[2], or near to ids[2]
// alone, and the token that is nearest. The rows of units have length 1.
func (l *Lab) analogy(units [][]float64, ids []int32, offset bool) (rank int, nearest int32) {
	goal := slices.Clone(units[ids[2]])
	if offset {
		for i := range goal {
			goal[i] += units[ids[1]][i] - units[ids[0]][i]
		}
	}
	want, top := dot(goal, units[ids[3]]), math.Inf(-1)
	for i, row := range units {
		if slices.Contains(ids[:3], int32(i)) || l.Tok.IsControl(int32(i)) {
			continue
		}
		c := dot(goal, row)
		if c > want && int32(i) != ids[3] {
			rank++
		}
		if c > top {
			top, nearest = c, int32(i)
		}
	}
	return rank, nearest
}

// units are the rows by their direction alone.
func units(rows [][]float64) [][]float64 {
	out := make([][]float64, len(rows))
	for i, row := range rows {
		out[i] = slices.Clone(row)
		n := math.Sqrt(dot(row, row))
		for k := range row {
			out[i][k] /= max(n, 1e-300)
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
