package sessiontest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"moebot/session"
)

// Fill puts n sessions into a store, each of 60 turns of 100 bytes, as much as a channel
// keeps by default.
func Fill(t testing.TB, s Store, n int) {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriter(w)
		b.Write(session.ArchiveHeader())
		text := fmt.Sprintf("%100s", "words")
		for c := range n {
			k := &session.Kept{Session: session.Session{Key: session.Key{Channel: fmt.Sprint(1100000000000000000 + c)}}}
			for i := range 30 {
				id, a := fmt.Sprint(1200000000000000000+c*100+2*i), fmt.Sprint(1200000000000000001+c*100+2*i)
				at := time.UnixMilli(int64(1700000000000 + c*100 + i))
				k.Turns = append(k.Turns,
					session.Turn{ID: id, Role: session.RoleUser, AuthorID: "1300000000000000000", Author: "Annemarie", Text: text, Time: at},
					session.Turn{ID: a, Role: session.RoleAssistant, Text: text, Time: at, Answer: &session.Answer{To: id, For: "1300000000000000000"}})
			}
			line, err := session.EncodeRecord(session.Record{Channel: k})
			if err == nil {
				_, err = b.Write(line)
			}
			if err != nil {
				w.CloseWithError(err)
				return
			}
		}
		end, _ := session.EncodeRecord(session.Record{End: &n})
		b.Write(end)
		w.CloseWithError(b.Flush())
	}()
	if m, err := s.Import(context.Background(), r); err != nil || m.Added != 60*n {
		t.Fatalf("Import = %+v, %v; want %d turns", m, err, 60*n)
	}
}
