package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/jobs"
	"moebot/session"
	"moebot/session/redisstore"
)

// Variables of processes of tests.
const (
	clockVariable = "MOEBOT_TEST_CLOCK" // how far a skewed bot's clock is ahead
	workVariable  = "MOEBOT_TEST_WORK"  // how long the stand-in takes for a word
	poison        = "poison"            // of this word in a question the stand-in dies
)

// startSkewed runs the bot with a clock that is off.
func startSkewed() int {
	skew, err := time.ParseDuration(os.Getenv(clockVariable))
	if err != nil {
		return failed(err)
	}
	os.Setenv(config.Variable("roles.role"), os.Args[2])
	c, err := config.Load("", os.LookupEnv)
	if err != nil {
		return failed(err)
	}
	log, level := newLog(c.Log, os.Stderr)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &service{cfg: c, log: log, since: time.Now(), clock: func() time.Time { return time.Now().Add(skew) }}
	if err := s.run(ctx, os.Stdout, reloads{level: level}); err != nil {
		return failed(err)
	}
	return 0
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// startStandIn runs a worker with a stand-in for the model.
func startStandIn() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	keys, err := session.ParseKeys(os.Getenv("MOEBOT_SESSION_KEYS"))
	if err != nil {
		return failed(err)
	}
	work := 5 * time.Millisecond
	if s := os.Getenv(workVariable); s != "" {
		if work, err = time.ParseDuration(s); err != nil {
			return failed(err)
		}
	}
	c, err := config.Load("", os.LookupEnv)
	if err != nil {
		return failed(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store, err := redisstore.Open(ctx, redisstore.Options{URL: c.RedisURL.Reveal(), Log: log})
	if err != nil {
		return failed(err)
	}
	defer store.Close()
	w := jobs.NewWorker(store.Client(), slowly(work), jobs.WorkerOptions{Lease: time.Duration(c.Roles.Lease), Slots: c.Model.Slots, Keys: keys, Log: log})
	fmt.Println("a stand-in works; it has no http://127.0.0.1:1")
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	w.Close(end)
	return 0
}

// slowly is a stand-in for a model: it says twelve words that it has not said yet, each
// after a fixed time.
type slowly time.Duration

func (g slowly) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	if strings.Contains(p.Turns[len(p.Turns)-1].Text, poison) {
		if me, err := os.FindProcess(os.Getpid()); err == nil {
			me.Kill()
		}
	}
	a := chat.Answer{Stop: "end"}
	for i := len(strings.Fields(p.Begin)); i < 12; i++ {
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(time.Duration(g)):
		}
		word := fmt.Sprintf(" word%d", i)
		a.Text += word
		a.Usage.DecodedTokens++
		if err := emit(word); err != nil {
			return a, err
		}
	}
	return a, nil
}
