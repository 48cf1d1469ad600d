package embedded

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"moebot/session"
)

// hook stands between the client and its connections.
type hook struct{ s *Server }

// DialHook changes nothing.
func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook journals single commands.
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.s.process(ctx, []redis.Cmder{cmd}, func(ctx context.Context) error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook journals the commands of a pipeline together.
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.s.process(ctx, cmds, func(ctx context.Context) error { return next(ctx, cmds) })
	}
}

// process carries out commands by calling next, and journals them before if
// one of them writes.
func (s *Server) process(ctx context.Context, cmds []redis.Cmder, next func(context.Context) error) error {
	batch, err := s.plan(cmds)
	if err != nil {
		return setErr(cmds, err)
	}
	if batch == nil {
		return next(ctx)
	}
	select {
	case <-s.turn:
	case <-ctx.Done():
		return setErr(cmds, ctx.Err())
	}
	defer func() { s.turn <- struct{}{} }()
	if err := ctx.Err(); err != nil {
		return setErr(cmds, err)
	}
	if s.closed {
		return setErr(cmds, fmt.Errorf("%w: closed", session.ErrUnavailable))
	}
	// A script the Redis does not know is answered here: the journal must not
	// hold a digest without its source.
	for _, cmd := range cmds {
		if digest, ok := evalsha(cmd); ok && s.scripts[digest] == "" {
			return setErr(cmds, redis.ErrNoScript)
		}
	}
	if err := s.journal.append(s.clock, batch); err != nil {
		return setErr(cmds, s.unavailable(err))
	}
	if s.o.SyncEvery < 0 {
		if err := s.journal.sync(); err != nil {
			return setErr(cmds, s.unavailable(err))
		}
	}
	// From here the commands count as done, so the caller's patience no longer
	// matters; inside one process it is not tried for long.
	execCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), execTimeout)
	defer cancel()
	err = next(execCtx)
	for _, cmd := range cmds {
		var reply redis.Error
		switch e := cmd.Err(); {
		case e == nil:
			if words, err := wordsOf(cmd.Args()); err == nil {
				s.learn(words)
			}
		case !errors.As(e, &reply):
			s.journal.fail(fmt.Errorf("it holds a command that was perhaps not carried out: %w", e))
			return setErr(cmds, s.unavailable(e))
		}
	}
	return err
}

// plan returns the batch to journal for commands, nil if they only read, and
// an error if they cannot be journaled.
func (s *Server) plan(cmds []redis.Cmder) ([]byte, error) {
	var batch []byte
	multi := false
	for _, cmd := range cmds {
		name := strings.ToUpper(cmd.Name())
		switch {
		case reads[name]:
		case name == "MULTI" || name == "EXEC":
			multi = true
		case writes[name]:
			words, err := wordsOf(cmd.Args())
			if err != nil {
				return nil, fmt.Errorf("embedded redis: %w", err)
			}
			batch = appendCommand(batch, words...)
		default:
			return nil, fmt.Errorf("embedded redis: command %s cannot be journaled", name)
		}
	}
	if multi && batch != nil {
		return nil, errors.New("embedded redis: a transaction with writes cannot be journaled; use a script")
	}
	return batch, nil
}

// learn notes a script that the Redis knows after a command went well.
func (s *Server) learn(command []string) {
	source := ""
	switch {
	case len(command) >= 2 && strings.EqualFold(command[0], "EVAL"):
		source = command[1]
	case len(command) == 3 && strings.EqualFold(command[0], "SCRIPT") && strings.EqualFold(command[1], "LOAD"):
		source = command[2]
	default:
		return
	}
	sum := sha1.Sum([]byte(source))
	s.scripts[hex.EncodeToString(sum[:])] = source
}

// evalsha returns the digest an EVALSHA names.
func evalsha(cmd redis.Cmder) (string, bool) {
	args := cmd.Args()
	if len(args) < 2 || !strings.EqualFold(cmd.Name(), "EVALSHA") {
		return "", false
	}
	digest, _ := args[1].(string)
	return strings.ToLower(digest), true
}

// setErr gives all commands an error and returns it.
func setErr(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
