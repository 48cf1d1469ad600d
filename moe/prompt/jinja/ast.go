package jinja

// An expr is a part of a template that has a value, a stmt one that writes text.
type (
	expr interface{ eval(r *run, s *scope) any }
	stmt interface{ exec(r *run, s *scope) }

	constant  struct{ value any }
	variable  struct{ name string }
	listExpr  struct{ items []expr }
	dictExpr  struct{ keys, values []expr }
	attribute struct {
		of   expr
		name string
	}
	index struct{ of, at expr }
	slice struct{ of, from, to, step expr } // nil where left out
	unary struct {
		op string
		x  expr
	}
	binary struct {
		op   string
		x, y expr
	}
	comparison struct { // x op[0] y[0] op[1] y[1]...: each holds
		x  expr
		op []string
		y  []expr
	}
	conditional struct{ test, yes, no expr } // no may be nil
	call        struct {
		of   expr
		args callArgs
	}
	filterExpr struct {
		of   expr
		name string
		args callArgs
		fn   filterFunc
	}
	testExpr struct {
		of   expr
		name string
		args []expr
		not  bool
		fn   testFunc
	}
	callArgs struct {
		positional []expr
		names      []string
		named      []expr
	}

	text   struct{ s string }
	output struct{ x expr }
	ifStmt struct {
		tests  []expr
		bodies [][]stmt // one more than tests if there is an else
	}
	forStmt struct {
		names      []string
		in, filter expr // filter may be nil
		body, none []stmt
	}
	setStmt struct {
		names []string
		attr  string // of names[0], a namespace
		value expr   // or
		body  []stmt
	}
	macroStmt struct {
		name     string
		params   []string
		defaults []expr // of the last params
		body     []stmt
	}
	filterStmt struct {
		chain func(of expr) expr
		body  []stmt
	}
	block   struct{ body []stmt }
	leaving struct{ again bool } // break, or continue
)

// at is any part of a template with the line it begins in, for errors.
type at struct {
	expr
	line int
}
