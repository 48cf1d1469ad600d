package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// The scripts, one per atomic action. Their files say what they take and
// return. go-redis sends the digest and, where that is unknown, the source.
var (
	//go:embed script/accept.lua
	acceptLua string
	//go:embed script/finish.lua
	finishLua string
	//go:embed script/reset.lua
	resetLua string
	//go:embed script/remove.lua
	removeLua string
	//go:embed script/settings.lua
	settingsLua string
	//go:embed script/count.lua
	countLua string
	//go:embed script/update.lua
	updateLua string
	//go:embed script/hold.lua
	holdLua string
	//go:embed script/claim.lua
	claimLua string
	//go:embed script/undo.lua
	undoLua string
	//go:embed script/forget.lua
	forgetLua string
	//go:embed script/take.lua
	takeLua string
	//go:embed script/give.lua
	giveLua string
	//go:embed script/import.lua
	importLua string
	//go:embed script/activity.lua
	activityLua string

	acceptScript   = redis.NewScript(acceptLua)
	finishScript   = redis.NewScript(finishLua)
	resetScript    = redis.NewScript(resetLua)
	removeScript   = redis.NewScript(removeLua)
	settingsScript = redis.NewScript(settingsLua)
	countScript    = redis.NewScript(countLua)
	updateScript   = redis.NewScript(updateLua)
	holdScript     = redis.NewScript(holdLua)
	claimScript    = redis.NewScript(claimLua)
	undoScript     = redis.NewScript(undoLua)
	forgetScript   = redis.NewScript(forgetLua)
	takeScript     = redis.NewScript(takeLua)
	giveScript     = redis.NewScript(giveLua)
	importScript   = redis.NewScript(importLua)
	activityScript = redis.NewScript(activityLua)
)
