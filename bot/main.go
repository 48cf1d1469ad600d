// Bot is the moebot service: a Discord chatbot whose model runs inside the process.
// Without a Discord token it opens the local playground instead: a Discord in
// memory with a web page, and the same bot connected to it. One bot may also be many
// processes, gateways and workers, that share a Redis (-role).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"moebot/bot/config"
)

func main() { os.Exit(start(os.Args[1:], os.Stdout, os.Stderr)) }

// start runs the program and returns its exit status: 0 after a stop that was asked
// for, 1 for a failure, 2 for a wrong command line or configuration.
func start(args []string, out, errOut io.Writer) int {
	fs := flag.NewFlagSet("bot", flag.ContinueOnError)
	fs.SetOutput(errOut)
	path := fs.String("config", "", "TOML `file`; without it the defaults hold (config.toml lists them)")
	role := fs.String("role", "", "`all`, gateway or worker: what this process does; wins over roles.role")
	var sessions archive
	fs.StringVar(&sessions.export, "export", "", "write all sessions to a `file` in JSON Lines, - is the output, and end; a bot with the embedded store has to be stopped first")
	fs.StringVar(&sessions.load, "import", "", "read sessions from such a `file`, - is the input, and end; what is there stays")
	fs.StringVar(&sessions.channel, "channel", "", "with -export: the session of the channel with this `id` alone")
	version := fs.Bool("version", false, "print the version and end")
	healthcheck := fs.Bool("healthcheck", false, "ask a running bot at http.addr whether it is ready, and end with status 0 or 1")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(errOut, "bot: unexpected argument %q\n", fs.Arg(0))
		return 2
	}
	if err := sessions.check(); err != nil {
		fmt.Fprintln(errOut, "bot:", err)
		return 2
	}
	if *version {
		fmt.Fprintln(out, "moebot", programVersion())
		return 0
	}
	env := func(name string) (string, bool) {
		if *role != "" && name == config.Variable("roles.role") {
			return *role, true
		}
		return os.LookupEnv(name)
	}
	c, err := config.Load(*path, env)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	if *healthcheck {
		return checkHealth(c.HTTP.Addr, errOut)
	}
	log, logLevel := newLog(c.Log, errOut)
	// the first signal asks for a stop, the second ends at once
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if sessions.wanted() {
		if err := (&service{cfg: c, log: log}).archive(ctx, sessions, os.Stdin, out, errOut); err != nil {
			fmt.Fprintln(errOut, "bot:", err)
			return 1
		}
		return 0
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	again := reloads{signal: hangup, read: func() (config.Config, error) { return config.Load(*path, env) }, path: *path, level: logLevel}
	if err := run(ctx, c, log, out, again); err != nil {
		log.Error("moebot ends", "err", err)
		return 1
	}
	log.Info("moebot has stopped")
	return 0
}

// newLog returns a logger and its level, which may be changed.
func newLog(c config.Log, w io.Writer) (*slog.Logger, *slog.LevelVar) {
	v := &slog.LevelVar{}
	v.Set(level(c.Level))
	o := &slog.HandlerOptions{Level: v}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), v
	}
	return slog.New(slog.NewTextHandler(w, o)), v
}

func level(name string) (l slog.Level) {
	if err := l.UnmarshalText([]byte(name)); err != nil {
		panic("bot: level " + name + " passed the check") // config checks it
	}
	return l
}

// programVersion is the module's version, or the commit it was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "development"
}

// checkHealth is for containers, which have no other program to ask with.
func checkHealth(addr string, errOut io.Writer) int {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := &http.Client{Timeout: 3 * time.Second}
	res, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 1
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(errOut, io.LimitReader(res.Body, 4096))
		return 1
	}
	return 0
}
