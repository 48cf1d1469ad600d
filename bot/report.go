package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"moebot/bot/discord"
)

// english is the language of what nobody in particular reads.
func english(english, _ string) string { return english }

func chinese(_, zh string) string { return zh }

// report gathers what /stats shows of the process; messages of a span of time, their tokens
// and durations are activityOf's.
func (s *service) report(ctx context.Context, in discord.In) discord.Report {
	c, e := s.chat.Stats(), s.mind.stats()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
	var r discord.Report
	add := func(name, format string, args ...any) {
		r.Fields = append(r.Fields, discord.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	// what the process has counted, and what the store has
	add(in("Everywhere, since I started", "全部，自启动以来"), in("%d questions\n%d refused\n%d stopped by people\n%d errors\n%d came a second time, left alone", "问题 %d\n拒绝 %d\n被停止 %d\n出错 %d\n重复送达而未处理 %d"), c.Questions, c.Refused, c.Stopped, c.Failed, c.Duplicates)
	ever := in("Everywhere, in conversations ever", "全部对话累计")
	if sum, err := s.store.Counters(ctx); err != nil {
		add(ever, "%s", in("my memory is away", "存储暂不可用"))
	} else {
		add(ever, in("%d questions\n%d answered, each once\n%d tokens of answers\nwithout /ask", "问题 %d\n已回答 %d（各计一次）\n回答的 token %d\n不含 /ask"), sum.Total["messages"], sum.Total["answers"], sum.Total["tokens_out"])
	}
	add(in("Queue", "队列"), in("%d active channels, %d waiting\nengine: %d busy, %d waiting", "活跃频道 %d，等待 %d\n引擎：工作 %d，等待 %d"), c.Active, c.Waiting, e.Busy, e.Queued)
	add(in("Prefix cache", "前缀缓存"), in("%d hits of %d requests", "命中 %d，请求 %d"), e.CacheHits, e.Requests)
	if latency, err := s.store.Ping(ctx); err != nil {
		add(in("Store", "存储"), in("%s: away", "%s：暂不可用"), s.store.Kind())
	} else {
		add(in("Store", "存储"), "%s, %s", s.store.Kind(), ms(latency))
	}
	gateway := in("no heartbeat yet", "尚无心跳")
	if l := s.bots.latency(); l > 0 {
		gateway = ms(l)
	}
	add(in("Gateway", "网关"), in("%s, %d reconnects", "%s，重连 %d 次"), gateway, s.bots.sum((*discord.Bot).Reconnects))
	add(in("Memory", "内存"), in("%.0f MiB heap, %.0f MiB from the system\n%d goroutines", "堆 %.0f MiB，向系统申请 %.0f MiB\n%d 个 goroutine"), float64(mem.HeapAlloc)/(1<<20), float64(mem.Sys)/(1<<20), runtime.NumGoroutine())
	if m := s.mistake.Load(); m != nil {
		add(in("Configuration", "配置"), in("the file has a mistake; what it said before holds\n%.900s", "文件有误，沿用之前的内容\n`%.900s`"), *m)
	}
	add(in("Up", "已运行"), in("%s, version %s\n%s", "%s，版本 %s\n%s"), time.Since(s.since).Round(time.Second), programVersion(), runtime.Version())
	add(in("Model", "模型"), "%s", s.mind.describe(in))
	r.Load = e.ExpertLoad
	return r
}

// statusLines is what /status tells anybody, beside what the bot knows itself.
func (s *service) statusLines(_ context.Context, in discord.In) []string {
	return []string{fmt.Sprintf(in("**The model** is %s.", "**模型**：%s。"), s.mind.describe(in)),
		fmt.Sprintf(in("**Awake** for %s, version %s.", "**已运行** %s，版本 %s。"), time.Since(s.since).Round(time.Second), programVersion())}
}
