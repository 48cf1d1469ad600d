package interp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// Page is a report of several instruments.
type Page struct {
	Title    string
	Facts    []string // of the model, the text read, the time taken
	Sections []Section
}

// Section is one instrument's part of a Page.
type Section struct {
	Name    string
	About   string // what is looked at and what the null model is
	Command string // that repeats it
	Problem string // why there is no result, "" if there is one
	Report  Report
}

// pageRows is the number of rows that a page shows of a table.
const pageRows = 40

// HTML writes the page as one file that needs no other: pictures are in it as SVG.
func (p Page) HTML(w io.Writer) error {
	type picture struct{ Source template.URL }
	type table struct {
		Table
		More int
	}
	type section struct {
		Section
		Pictures []picture
		Tables   []table
	}
	view := struct {
		Page
		Parts []section
	}{Page: p}
	for _, s := range p.Sections {
		out := section{Section: s}
		for _, f := range s.Report.Figures {
			var b bytes.Buffer
			if err := Draw(&b, "svg", []Figure{f}); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			out.Pictures = append(out.Pictures, picture{template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))})
		}
		for _, t := range s.Report.Tables {
			more := max(0, len(t.Rows)-pageRows)
			t.Rows = t.Rows[:min(len(t.Rows), pageRows)]
			out.Tables = append(out.Tables, table{t, more})
		}
		view.Parts = append(view.Parts, out)
	}
	return pageTemplate().Execute(w, view)
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.9rem } h2 { margin-top: 3rem; border-top: 1px solid #ccd3dd; padding-top: 1rem }
nav a { margin-right: .8rem } .finding { background: #eef4ff; border-left: 4px solid #5b8def; padding: .7rem 1rem }
.problem { background: #fff4e5; border-left: 4px solid #e69f00; padding: .7rem 1rem }
img { max-width: 100%; height: auto; display: inline-block; vertical-align: top; margin: .3rem .6rem .3rem 0; border: 1px solid #e3e8ef }
table { border-collapse: collapse; font-size: .82rem; display: block; overflow-x: auto } td, th { padding: .15rem .5rem; border-bottom: 1px solid #e3e8ef; text-align: left; white-space: nowrap }
code { background: #f3f5f8; padding: .1rem .3rem } summary { cursor: pointer; color: #36567f } .about { color: #4a5568 }
</style>
<h1>{{.Title}}</h1>
<ul>{{range .Facts}}<li>{{.}}</li>{{end}}</ul>
<p class="about">Intervals are at 95 % and take the single measurements as independent of each other, which tokens of one text are not
quite. Beside each figure stands what a null model shows: what is no larger than that is not there. Where the best of many is named,
it was chosen by the same figures that praise it.</p>
<nav>{{range .Parts}}<a href="#{{.Name}}">{{.Name}}</a>{{end}}</nav>
{{range .Parts}}
<h2 id="{{.Name}}">{{.Name}}</h2>
<p class="about">{{.About}} Repeat with <code>{{.Command}}</code>.</p>
{{if .Problem}}<p class="problem">Not measured: {{.Problem}}</p>{{else}}<p class="finding">{{.Report.Finding}}</p>{{end}}
{{range .Pictures}}<img alt="" src="{{.Source}}">
{{end}}{{range .Tables}}<details><summary>{{.Name}}</summary><table><tr>{{range .Header}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>{{if .More}}<p>and {{.More}} more</p>{{end}}</details>
{{end}}{{end}}
`))
}
