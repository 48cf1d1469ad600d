package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"moebot/bot/chat"
	"moebot/bot/jobs"
)

// remote is a chat.Generator whose work the workers do; the traces stay here.
type remote struct {
	*jobs.Client
	chat.Tracer
}

// generator is who makes the answers: the engine here, or, in a gateway, the workers.
func (s *service) generator() chat.Generator {
	if s.cfg.Roles.Role != "gateway" {
		return s.mind
	}
	r := s.cfg.Roles
	s.workers = jobs.NewClient(s.store.Client(), jobs.ClientOptions{Defaults: s.mind.settings, Server: s.bots.server, Timeout: time.Duration(s.cfg.Reply.Timeout),
		MaxQueue: r.MaxQueue, Lease: time.Duration(r.Lease), Keys: s.keys, Log: s.log})
	s.mind.forgetThere = s.workers.Forget
	return remote{s.workers, s.mind}
}

// work is what follows in a worker: it makes answers for the gateways until ctx ends.
// Answers that are not made by then are handed over to other workers.
func (s *service) work(ctx context.Context, listener net.Listener, out io.Writer, again reloads) error {
	name, err := os.Hostname()
	if err != nil {
		name = "worker"
	}
	s.worker = jobs.NewWorker(s.store.Client(), s.mind, jobs.WorkerOptions{Name: name, Model: s.mind.name(), Slots: s.cfg.Model.Slots, Busy: tooMany, Forget: s.mind.forget,
		Lease: time.Duration(s.cfg.Roles.Lease), Keys: s.keys, Log: s.log})
	server, served := s.serve(listener)
	fmt.Fprintf(out, "moebot is working; health at http://%s/readyz\n", listener.Addr())
	return s.stay(ctx, server, served, again)
}
