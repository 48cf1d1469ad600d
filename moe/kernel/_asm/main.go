// Command _asm writes the amd64 assembly of package kernel and its Go declarations:
//
//	cd moe/kernel/_asm && go run .
//
// It takes no input, and its output depends on nothing else, so running it must
// leave the committed files as they are.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// target is where the package lies, seen from the directory of this program.
const target = ".."

// asm is a build context with the idioms shared by the kernels.
type asm struct {
	*build.Context
	file   string
	labels int
	data   map[string]operand.Mem
	held   []reg.VecVirtual // tables of the format at hand, see hold
}

func main() {
	files := []struct {
		name  string
		write func(*asm)
	}{
		{"pause", pauseFile},
		{"gemm", gemmFile},
		{"pack", packFile},
		{"bf16", bf16File},
		{"dot", dotFile},
		{"scalar", scalarFile},
		{"exp", expFile},
		{"rows", rowsFile},
		{"attention", attentionFile},
		{"silu", siluFile},
		{"rmsnorm", rmsnormFile},
		{"adamw", adamwFile},
	}
	var all []ir.Section
	for _, f := range files {
		all = append(all, assemble(f.name, f.write)...)
	}
	stubs := ir.NewFile()
	stubs.Sections = all
	constrain(stubs)
	writeFile("stubs_amd64.go", printer.NewStubs(config()), stubs)
}

// assemble writes one assembly file and returns its functions.
func assemble(name string, write func(*asm)) []ir.Section {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	write(&asm{Context: c, file: name, data: map[string]operand.Mem{}})
	f, err := c.Result()
	if err == nil {
		err = pass.Compile.Execute(f)
	}
	if err != nil {
		fail(name, err)
	}
	writeFile(name+"_amd64.s", printer.NewGoAsm(config()), f)
	return f.Sections
}

func constrain(f *ir.File) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	g, err := c.Result()
	if err != nil {
		fail("stubs", err)
	}
	f.Constraints = g.Constraints
}

func config() printer.Config {
	return printer.Config{Name: "_asm (go run .)", Pkg: "kernel"}
}

func writeFile(name string, p printer.Printer, f *ir.File) {
	out, err := p.Print(f)
	if err == nil {
		err = os.WriteFile(filepath.Join(target, name), out, 0o644)
	}
	if err != nil {
		fail(name, err)
	}
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "_asm: %s: %v\n", what, err)
	os.Exit(1)
}

func pauseFile(c *asm) {
	c.Function("pause")
	c.SignatureExpr("func()")
	c.Doc("pause tells the processor that this is a waiting loop.")
	c.PAUSE()
	c.RET()
}
