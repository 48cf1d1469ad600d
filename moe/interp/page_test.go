package interp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestPageIsOneFileAndEscapes(t *testing.T) {
	l := plantedLab(t)
	c, err := l.Chain(t.Context(), l.Encode("acdkacdk", false), []float64{1}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Report()
	r.Finding = "<script>alert(1)</script>"
	for i := range 50 {
		r.Tables[0].Rows = append(r.Tables[0].Rows, append([]string{fmt.Sprint(i)}, r.Tables[0].Rows[0][1:]...))
	}
	p := Page{Title: "a <title>", Facts: []string{"fact & figure"}, Sections: []Section{
		{Name: "chain", About: "About it.", Command: "moe inspect chain", Report: r}, {Name: "experts", Problem: "it is dense"}}}
	var b bytes.Buffer
	if err := p.HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"a &lt;title&gt;", "fact &amp; figure", "&lt;script&gt;alert", "data:image/svg&#43;xml;base64,", "Not measured: it is dense", "and 18 more", `href="#chain"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, no := range []string{"<script", "http://", "https://", "src=\"/"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %q", no)
		}
	}
}
