package sessiontest

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// clusterSlots is the number of slots of a Redis Cluster.
const clusterSlots = 16384

// StartCluster starts a Redis Cluster of three masters, each with the given number
// of replicas, and returns its nodes: the masters first, then the first replica of
// each, and so on. It ends with the test, and skips as StartRedis does. A node that
// is silent for two seconds counts as dead. The servers get args as further
// arguments.
func StartCluster(t testing.TB, replicas int, args ...string) []*Redis {
	t.Helper()
	const masters = 3
	var nodes []*Redis
	bus := map[*Redis]string{}
	for range masters * (1 + replicas) {
		_, port, _ := net.SplitHostPort(freeAddr(t))
		r := StartRedis(t, append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", port,
			"--repl-diskless-sync-delay", "0"}, args...)...)
		nodes = append(nodes, r)
		bus[r] = port
	}
	for i, r := range nodes {
		r.Ask("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		if i < masters {
			r.Ask("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*clusterSlots/masters), fmt.Sprint((i+1)*clusterSlots/masters-1))
		}
		for _, other := range nodes[:i] { // all of them: rumours take seconds
			host, port, _ := net.SplitHostPort(other.Addr)
			r.Ask("CLUSTER", "MEET", host, port, bus[other])
		}
	}
	everywhere := func(what string) func() bool {
		return func() bool {
			for _, r := range nodes {
				if text, err := r.ask("CLUSTER", "INFO"); err != nil || !strings.Contains(text, what) {
					return false
				}
			}
			return true
		}
	}
	await(t, "the nodes to know each other", nodes, everywhere(fmt.Sprintf("cluster_known_nodes:%d\r", len(nodes))))
	for i, r := range nodes[masters:] {
		id := nodes[i%masters].Ask("CLUSTER", "MYID")
		await(t, "a replica to know its master", nodes, func() bool { // that it is no stranger any more
			reply, err := r.ask("CLUSTER", "REPLICATE", id)
			return err == nil && strings.HasPrefix(reply, "+OK")
		})
	}
	await(t, "the cluster", nodes, everywhere("cluster_state:ok"))
	await(t, "the replicas", nodes, func() bool {
		for _, r := range nodes[masters:] {
			if !r.Is("master_link_status:up") {
				return false
			}
		}
		return true
	})
	return nodes
}

// ClusterURL returns the address of a cluster as redisstore.Open takes it.
func ClusterURL(nodes []*Redis) string {
	return "redis://" + hosts(nodes) + "?cluster=true"
}
