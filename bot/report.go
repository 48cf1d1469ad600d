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

// report gathers what /stats shows.
func (s *service) report(ctx context.Context, in discord.In) discord.Report {
	c, e := s.chat.Stats(), s.mind.stats()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
	var r discord.Report
	add := func(name, format string, args ...any) {
		r.Fields = append(r.Fields, discord.Field{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	add(in("Messages", "消息"), in("%d questions, %d answers\n%d failed, %d refused, %d twice\n%d stopped, %d given again", "问题 %d，回答 %d\n失败 %d，拒绝 %d，重复 %d\n停止 %d，重新回答 %d"), c.Questions, c.Answers, c.Failed, c.Refused, c.Duplicates, c.Stopped, c.Redone)
	if sum, err := s.store.Counters(ctx); err != nil {
		add(in("All time", "累计"), "%s", in("my memory is away", "存储暂不可用"))
	} else {
		add(in("Today / all time", "今天 / 累计"), in("%d / %d questions\n%d / %d answers\n%d / %d tokens out", "问题 %d / %d\n回答 %d / %d\n输出 token %d / %d"), sum.Today["messages"], sum.Total["messages"],
			sum.Today["answers"], sum.Total["answers"], sum.Today["tokens_out"], sum.Total["tokens_out"])
	}
	add(in("Tokens", "Token"), in("%d in (%d from the cache)\n%d out", "输入 %d（缓存 %d）\n输出 %d"), c.PromptTokens, c.ReusedTokens, c.DecodedTokens)
	add(in("Speed", "速度"), in("%.0f tokens/s", "每秒 %.0f 个 token"), c.Speed)
	add(in("First token", "首个 token"), "p50 %s\np95 %s\np99 %s", ms(c.FirstToken.P50), ms(c.FirstToken.P95), ms(c.FirstToken.P99))
	add(in("Whole answer", "完整回答"), "p50 %s\np95 %s\np99 %s", ms(c.Whole.P50), ms(c.Whole.P95), ms(c.Whole.P99))
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
