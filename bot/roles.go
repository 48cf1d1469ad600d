package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"moebot/bot/chat"
	"moebot/bot/config"
	"moebot/bot/jobs"
)

// remote is a chat.Generator whose work the workers do; the traces stay here.
type remote struct {
	*jobs.Client
	*mind
}

var _ chat.Tracer = remote{}

// Generate is chat.Generator.
func (r remote) Generate(ctx context.Context, p chat.Prompt, emit func(string) error) (chat.Answer, error) {
	return r.Client.Generate(ctx, p, emit)
}

// generator is who makes the answers: the engine here, or, in a gateway, the workers.
func (s *service) generator() chat.Generator {
	if s.cfg.Roles.Role != "gateway" {
		return s.mind
	}
	r := s.cfg.Roles
	s.workers = jobs.NewClient(s.store.Client(), jobs.ClientOptions{Defaults: s.mind.settings, Server: s.bots.server, Timeout: time.Duration(s.cfg.Reply.Timeout),
		MaxQueue: r.MaxQueue, Lease: time.Duration(r.Lease), Log: s.log})
	s.mind.forgetThere = s.workers.Forget
	return remote{s.workers, s.mind}
}

// work is run for a worker: it makes answers for the gateways until ctx ends. Answers
// that are not made by then are handed over to other workers.
func work(ctx context.Context, c config.Config, log *slog.Logger, out io.Writer, again reloads) (err error) {
	s := &service{cfg: c, log: log, since: time.Now()}
	listener, err := net.Listen("tcp", c.HTTP.Addr)
	if err != nil {
		return fmt.Errorf("http.addr: %w", err)
	}
	defer listener.Close()
	if err := s.openModel(); err != nil {
		return err
	}
	defer s.mind.close()
	if err := s.openStore(ctx); err != nil {
		return err
	}
	defer s.closeStore()
	s.figures.open(s)
	name, err := os.Hostname()
	if err != nil {
		name = "worker"
	}
	s.worker = jobs.NewWorker(s.store.Client(), s.mind, jobs.WorkerOptions{Name: name, Model: s.mind.name(), Slots: c.Model.Slots, Busy: tooMany, Forget: s.mind.forget,
		Lease: time.Duration(c.Roles.Lease), Log: log})
	server, served := s.serve(listener)
	fmt.Fprintf(out, "moebot is working; health at http://%s/readyz\n", listener.Addr())
	return s.stay(ctx, served, again, func() { s.stopWork(server) })
}

// stopWork ends a worker's parts.
func (s *service) stopWork(server *http.Server) {
	s.log.Info("stopping")
	all, cancelAll := context.WithTimeout(context.Background(), stopTime)
	defer cancelAll()
	answers, cancel := context.WithTimeout(all, finishTime)
	s.worker.Close(answers)
	cancel()
	if err := server.Shutdown(all); err != nil {
		server.Close()
	}
}
