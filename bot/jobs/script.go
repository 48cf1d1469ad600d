package jobs

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// The scripts, one per step of a job. Their files say what they take and return.
var (
	//go:embed script/put.lua
	putLua string
	//go:embed script/submit.lua
	submitLua string
	//go:embed script/begin.lua
	beginLua string
	//go:embed script/say.lua
	sayLua string
	//go:embed script/yield.lua
	yieldLua string
	//go:embed script/move.lua
	moveLua string
	//go:embed script/bury.lua
	buryLua string

	putScript    = redis.NewScript(putLua)
	submitScript = redis.NewScript(submitLua)
	beginScript  = redis.NewScript(beginLua)
	sayScript    = redis.NewScript(sayLua)
	yieldScript  = redis.NewScript(yieldLua)
	moveScript   = redis.NewScript(moveLua)
	buryScript   = redis.NewScript(buryLua)
)
