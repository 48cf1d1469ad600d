package interp

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// Report is what an instrument saw, for people: one sentence, tables and pictures.
// The instrument's own result holds the same as data.
type Report struct {
	Finding string
	Tables  []Table
	Figures []Figure
}

// Table is named rows of text under a header.
type Table struct {
	Name   string
	Header []string
	Rows   [][]string
}

func (t *Table) add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case float64:
			row[i] = strconv.FormatFloat(c, 'g', 4, 64)
		case float32:
			row[i] = strconv.FormatFloat(float64(c), 'g', 4, 32)
		default:
			row[i] = fmt.Sprint(c)
		}
	}
	t.Rows = append(t.Rows, row)
}

// CSV writes the table with its header.
func (t Table) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Header); err != nil {
		return err
	}
	if err := c.WriteAll(t.Rows); err != nil {
		return err
	}
	return c.Error()
}
