package redisstore_test

import (
	"strconv"
	"strings"
	"testing"

	"moebot/session/sessiontest"
)

// BenchmarkMemory measures what sessions of 60 turns of 100 bytes take in Redis:
//
//	go test ./session/redisstore -run '^$' -bench Memory -benchtime 100000x
func BenchmarkMemory(b *testing.B) {
	for _, names := range []string{"", "a"} {
		b.Run(map[string]string{"": "plain", "a": "sealed"}[names], func(b *testing.B) {
			r := sessiontest.StartRedis(b, "--appendonly", "no")
			s := openSealed(b, r.URL(), sessiontest.Limits{}, keys(b, strings.Fields(names)...))
			used := func(field string) float64 {
				_, v, _ := strings.Cut(r.Ask("INFO", "memory"), "\n"+field+":")
				v, _, _ = strings.Cut(v, "\r")
				n, err := strconv.ParseFloat(v, 64)
				if err != nil {
					b.Fatal(err)
				}
				return n
			}
			before, rss := used("used_memory"), used("used_memory_rss")
			b.ResetTimer()
			sessiontest.Fill(b, s, b.N)
			b.StopTimer()
			b.ReportMetric((used("used_memory")-before)/float64(b.N), "B/session")
			b.ReportMetric((used("used_memory_rss")-rss)/float64(b.N), "B-rss/session")
			b.ReportMetric(used("used_memory")/(1<<20), "MiB")
		})
	}
}
