// Package jobs carries requests for answers from the processes that hold gateway
// shards to those that run a model, through Redis Streams, and the pieces of the
// answers back. A Client is a chat.Generator whose work others do; a Worker serves
// with the chat.Generator it is given.
//
//	client.go fair.go put.go hear.go watch.go   the asking side
//	worker.go run.go say.go tend.go             the answering side
//	job.go seal.go script.go                    what both know
//
// A job waits in the stream of the worker that its channel prefers (rendezvous
// hashing over the workers that live, so that the prefix cache there is warm) or, if
// that one is busy or nobody lives, in a stream that all read. A worker with nothing
// to do takes what waits for another. What a dead worker was at is claimed
// (XAUTOCLAIM) by one that lives, which goes on from the text that was said. A job
// of which three workers die is given up: an entry in the stream of dead letters, and an
// error to who asked. A worker died of a job if it did before the job said a word more,
// and no other job could be to blame: it was alone, or had been taken over from a dead
// worker, for such jobs begin one after another. No stream grows without bound: jobs
// over MaxQueue are refused, and what was read is deleted.
//
// Versions may differ: a worker refuses a job that a newer program wrote, and the client
// puts it into the stream of one that reads it, if such a one lives.
//
// Every step of a job is one Lua script that compares the attempt's token, so that a worker
// that was taken for dead and is not says nothing more (it is fenced off), and running
// a script again, as the client of Redis does when a reply was lost, changes nothing. A
// failover may lose what a replica had not heard of: a worker says again what is missing
// before its next piece, the client takes of a piece what it does not have yet, and a job
// that stands as begun but has no entry is put again.
// Leases end by Redis's clock alone; the clocks of the processes may differ.
//
// # Key layout
//
// All keys of one script or command lie in one slot of Redis Cluster.
//
//	mb:{jobs}:any               stream  jobs for any worker; group "workers"
//	mb:{jobs}:to:<worker>       stream  jobs for that worker; group "workers"
//	mb:{jobs}:workers           set     workers that live or left something behind
//	mb:{jobs}:worker:<worker>   string  what a worker says of itself; its lease
//	mb:{jobs}:dead              stream  jobs given up: ids and numbers, no words
//	mb:{jobs}:stop              pub/sub ids of jobs that are wanted no more; forget:<channel>
//	mb:{<client>}:out           stream  events of the client's jobs
//	mb:{<client>}:job:<job>     hash    one job: attempt, text so far, done; until the client drops it
//
// An entry of a job's stream is {job: its encoding}; of out, {j: job, a: attempt,
// n: number in the attempt, k: kind, d: data, c: tokens, z: trace, o: bytes of the answer
// before it, t: token of an attempt that begins}. Jobs carry the
// conversation for as long as they are under way: sealed, with what is said of them, if
// the client has session.Keys. Ids of channels and questions, numbers and lengths stay
// readable.
package jobs
