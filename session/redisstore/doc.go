// Package redisstore keeps sessions in Redis, through go-redis: one node,
// Sentinel, Cluster, or the Redis inside the process of session/embedded. It
// is the only implementation of what session/sessiontest demands.
//
// Every action that changes something is one Lua script (script/*.lua) or one
// command, hence atomic, and takes one round trip; Admit is several scripts in one
// round trip, for buckets and channels may lie in different partitions, and a second one
// where a bucket is empty and others get their token back. Scripts draw no random
// numbers and read no clock: the caller's clock and tokens are arguments, so
// that running one again, as the client does when a reply was lost, changes
// nothing more (Count excepted). What ends after a time, such as who is
// in charge of a question, or a bucket, goes by Redis's clock alone, and the clocks of
// processes may be minutes apart (TestClocksDiffer). Only commands that miniredis has
// are used. A Store is safe for concurrent use by any number of processes.
//
// # Key layout
//
// A channel lies in partition p = fnv32a(channel id) mod 64, written with two
// digits in the hash tag {pNN}, so that all keys of one action share a slot of
// Redis Cluster. The number of partitions is fixed for the life of the data.
// "mb" is Options.Prefix. Turns and settings are in session's encoding.
//
//	mb:{pNN}:log:<channel>   list    turns, oldest first; Options.MaxTurns at most
//	mb:{pNN}:seen:<channel>  zset    message ids known, score = when, in ms; Options.SeenIDs at most
//	mb:{pNN}:wait:<channel>  hash    open questions: message id → token (32 bytes) + turn as in the log
//	mb:{pNN}:cfg:<channel>   string  settings, also of a server: "server/<id>"; no expiry
//	mb:{pNN}:undo:<channel>  list    turns of before the last Reset; undoTTL
//	mb:{pNN}:hold:<channel>:<message id> string  the process that is at an open question; Options.HoldTTL
//	mb:{pNN}:rate:<name>     string  when a token bucket is full again, if we are alone; until then; partition of the name
//	mb:{pNN}:rated:<name>:<message id> string  what Admit was told by a bucket; ratedTTL
//	mb:{pNN}:waiting         zset    all open questions of the partition: "<channel> <message id>", score = when accepted, in ms
//	mb:{pNN}:stat            hash    counters since ever; no expiry
//	mb:{pNN}:stat:<yyyymmdd> hash    counters of one day, UTC; 40 days
//	mb:{pNN}:act:<place>:<yyyymmddhh> hash   counts of one hour, UTC, in a server, or "all", and " <writer>" → its last batch; 8 days; partition of the place
//	mb:{pNN}:who:<place>:<yyyymmddhh> set    marks of who took part; as act
//	mb:{pNN}:fact:<name>     string  Remember; partition of the name; no expiry
//
// log, seen and wait expire together, Options.TTL after the session's last
// turn; seen not before a day.
//
// # What a failed call means
//
// After an error that is session.ErrUnavailable or the context's, the action
// may have happened. Calling Finish, Reset, Remove, SetSettings or Remember
// again is always right, and AddActivity with the same batch, before the next. So are Accept and Admit: the same Store remembers the token of
// an Accept whose fate it does not know, and one later Accept of that message
// id takes the token over; if the first had been carried out, it reports
// accepted = true, as the first would have. Nobody else can get true for that
// id. If the caller never tries again, the question is in Pending.
//
// # What Redis can lose
//
// Nothing here waits for a disk or a replica; how safe an acknowledged write is, the
// Redis decides. The tests that count it are in parentheses.
//
//   - Redis killed, appendfsync always: nothing (TestRedisKilled).
//   - Redis killed, everysec: nothing as long as the disk keeps up. Redis does not wait
//     for a sync under way that is slow, but for two seconds at most acknowledges what it
//     has not handed to the system yet; that much goes with it (ibid., seen on a machine
//     under load). A power failure takes about a second more.
//   - No append-only file: all since the last snapshot.
//   - Failover of Sentinel or Cluster: what the dead master had acknowledged and its
//     replica had not got, because replication does not wait: usually nothing, sometimes
//     the last turns (TestSentinelFailover, TestClusterFailover). With
//     min-replicas-to-write 1 a master cut off from its replicas refuses
//     (TestTooFewReplicas), which bounds it to min-replicas-max-lag. The store is away
//     until a replica is the master, and goes on by itself.
//   - Disk full: nothing. Redis refuses to write (MISCONF) until there is room, with
//     appendfsync always it ends (TestDiskIsFull, TestDiskIsFullAlways, TestSnapshotFails).
//   - maxmemory reached, noeviction: nothing. New questions are refused, open ones can be
//     finished (TestMemoryRunsOut). Any other policy throws sessions away.
//   - Slow or cut off: nothing (TestSlowRedis, TestPartition).
//
// A question whose Accept was acknowledged and lost is still answered by the process that
// has it, whose Finish then reports false; nothing is ever stored twice.
//
// # Sealing
//
// With Options.Keys turns, settings and facts are sealed (session.Keys), each bound to
// its channel or name; scripts look at their headers at most. What stays readable is in
// keys, members and scores: ids of channels, servers, messages and, in names of buckets,
// people; when messages came; how many there are and how long; counters. A session whose
// key is missing is left as it is: calls on it fail with a *session.KeyError.
package redisstore
