package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// A batch of commands is, for each: the number of its words, then each word's
// length and bytes; numbers are unsigned varints. The first word is the
// command's name.

// reads change nothing and are not journaled.
var reads = words(`
	AUTH CLIENT COMMAND DBSIZE ECHO EXISTS GET HEXISTS HELLO HGET HGETALL HKEYS HLEN HMGET HVALS INFO
	KEYS LINDEX LLEN LPOS LRANGE MGET PING PTTL QUIT SCAN SCARD SISMEMBER SMEMBERS STRLEN TTL TYPE
	ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANK ZSCORE`)

// writes are the commands that are journaled: those whose effect follows from
// the data, the words and the clock alone, so that carrying them out again
// gives the same. (Scripts must keep to that too: no TIME, no random draw.)
var writes = words(`
	APPEND DECR DECRBY DEL EVAL EVALSHA EXPIRE GETDEL GETSET HDEL HINCRBY HMSET HSET HSETNX INCR INCRBY
	LINSERT LPOP LPUSH LREM LSET LTRIM MSET PERSIST PEXPIRE PSETEX RENAME RPOP RPUSH SADD SET SETEX SETNX
	SREM ZADD ZINCRBY ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// appendCommand appends one command to a batch.
func appendCommand(b []byte, words ...string) []byte {
	b = binary.AppendUvarint(b, uint64(len(words)))
	for _, w := range words {
		b = binary.AppendUvarint(b, uint64(len(w)))
		b = append(b, w...)
	}
	return b
}

// errBatch is a batch that appendCommand did not write.
var errBatch = errors.New("a record does not hold whole commands")

// parseBatch returns the commands of a batch.
func parseBatch(b []byte) ([][]string, error) {
	var commands [][]string
	next := func() (uint64, bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return 0, false
		}
		b = b[size:]
		return n, n <= uint64(len(b)) // each word takes at least a byte
	}
	for len(b) > 0 {
		n, ok := next()
		if !ok || n == 0 {
			return nil, errBatch
		}
		command := make([]string, n)
		for i := range command {
			size, ok := next()
			if !ok {
				return nil, errBatch
			}
			command[i], b = string(b[:size]), b[size:]
		}
		commands = append(commands, command)
	}
	return commands, nil
}

// wordsOf returns a go-redis command's words as the client sends them.
func wordsOf(args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			out[i] = a
		case []byte:
			out[i] = string(a)
		case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
			out[i] = fmt.Sprint(a)
		default:
			return nil, fmt.Errorf("command %v has an argument of type %T; use a string or a whole number", args[0], a)
		}
	}
	return out, nil
}
