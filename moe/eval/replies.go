package eval

import "strings"

// Prompts are what a model is asked to judge its replies: openings such as people
// make, the same for every model.
func Prompts() []string {
	return []string{
		"Hello! How are you today?", "What is your name?", "Tell me a short story about a dog.", "What do you like to eat?",
		"I am sad today.", "Do you like music?", "What is the capital of France?", "Why is the sky blue?",
		"I got a new job!", "What should I cook tonight?", "Tell me a joke.", "Do you have any hobbies?",
		"My cat is sick.", "What did you do yesterday?", "Have you read any good books?", "I can't sleep.",
		"What is a friend?", "Let's talk about the weather.", "How do I make tea?", "Good night!",
	}
}

// Variety says how much a set of replies repeats itself, counted in words.
type Variety struct {
	Replies    int     `json:"replies"`
	Empty      int     `json:"empty"`      // replies without a word
	Words      float64 `json:"words"`      // mean of a reply
	Distinct1  float64 `json:"distinct_1"` // distinct words of all replies by their number (Li et al. 2016, arXiv 1510.03055), 0 to 1
	Distinct2  float64 `json:"distinct_2"` // the same of word pairs
	Distinct3  float64 `json:"distinct_3"`
	Repetition float64 `json:"repetition"` // share of a reply's runs of 4 words that it has said before, over all replies (Welleck et al. 2020, arXiv 1908.04319), 0 to 1
	Same       float64 `json:"same"`       // share of replies equal to an earlier one
}

// Replies measures a set of replies. Case and the blanks between words do not count.
func Replies(texts []string) Variety {
	v := Variety{Replies: len(texts)}
	if len(texts) == 0 {
		return v
	}
	var distinct [4]map[string]bool
	var total [4]int
	for n := range distinct {
		distinct[n] = map[string]bool{}
	}
	whole := map[string]bool{}
	words, again, runs := 0, 0, 0
	for _, text := range texts {
		w := strings.Fields(strings.ToLower(text))
		words += len(w)
		if len(w) == 0 {
			v.Empty++
		}
		if key := strings.Join(w, " "); whole[key] {
			v.Same += 1 / float64(len(texts))
		} else {
			whole[key] = true
		}
		said := map[string]bool{}
		for i := range w {
			for n := 1; n <= 3 && i+n <= len(w); n++ {
				distinct[n][strings.Join(w[i:i+n], " ")] = true
				total[n]++
			}
			if i+4 <= len(w) {
				run := strings.Join(w[i:i+4], " ")
				if said[run] {
					again++
				}
				said[run] = true
				runs++
			}
		}
	}
	share := func(n int) float64 { return float64(len(distinct[n])) / float64(max(1, total[n])) }
	v.Words = float64(words) / float64(len(texts))
	v.Distinct1, v.Distinct2, v.Distinct3 = share(1), share(2), share(3)
	v.Repetition = float64(again) / float64(max(1, runs))
	return v
}
