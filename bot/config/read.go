package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// decode reads TOML strictly: an unknown key or a wrong type is an error with the
// file, the line and the key. All unknown keys are named.
func decode(path string, b []byte, c *Config) error {
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(c)
	var strict *toml.StrictMissingError
	var one *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &strict): // before DecodeError, which it also matches
		var errs []error
		for i := range strict.Errors {
			e := &strict.Errors[i]
			line, column := e.Position()
			key := strings.Join(e.Key(), ".")
			errs = append(errs, fmt.Errorf("%s:%d:%d: unknown key %s%s", path, line, column, key, secretHint(key)))
		}
		return errors.Join(errs...)
	case errors.As(err, &one):
		line, column := one.Position()
		key := strings.Join(one.Key(), ".")
		if want := wantedType(key); want != "" {
			return fmt.Errorf("%s:%d:%d: %s wants %s", path, line, column, key, want)
		}
		return fmt.Errorf("%s:%d:%d: %s", path, line, column, strings.TrimPrefix(one.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// secretHint says where a secret belongs that somebody wrote into the file.
func secretHint(key string) string {
	k := strings.ToLower(key)
	switch {
	case strings.Contains(k, "redis"):
		return "; the Redis address is read from the environment variable REDIS_URL only"
	case strings.HasPrefix(k, "engine."):
		if strings.Contains(k, "key") {
			return "; the key of the model's server is read from the environment variable ENGINE_API_KEY only"
		}
	case k == "session.keys":
		return "; keys are read from the environment variable MOEBOT_SESSION_KEYS only"
	case strings.Contains(k, "token"), strings.Contains(k, "secret"), strings.Contains(k, "password"):
		return "; the bot's token is read from the environment variable DISCORD_TOKEN only"
	}
	return ""
}

// wantedType describes what a key holds, "" if there is no such key.
func wantedType(key string) string {
	t := ""
	fields(&Config{}, func(k string, v reflect.Value) {
		if k == key {
			t = describe(v)
		}
	})
	return t
}

func describe(v reflect.Value) string {
	switch v.Interface().(type) {
	case Duration:
		return `a duration such as "1.5s"`
	}
	switch v.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return `a list of texts, such as ["one", "two"] (in the environment: one,two)`
	}
	return "a text in quotes"
}

// fields calls f for every key, in order, with a settable value.
func fields(c *Config, f func(key string, v reflect.Value)) {
	root := reflect.ValueOf(c).Elem()
	for i := range root.NumField() {
		section := root.Type().Field(i).Tag.Get("toml")
		if section == "-" {
			continue
		}
		s := root.Field(i)
		for j := range s.NumField() {
			f(section+"."+s.Type().Field(j).Tag.Get("toml"), s.Field(j))
		}
	}
}

// Value is one key of a configuration and what it holds.
type Value struct {
	Key   string
	Value any
}

// Values lists all keys but the secrets, in order.
func Values(c Config) (out []Value) {
	fields(&c, func(key string, v reflect.Value) { out = append(out, Value{key, v.Interface()}) })
	return out
}

// Variable is the environment variable of a key.
func Variable(key string) string {
	return "MOEBOT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// overlay sets what the environment says; all wrong values are named.
func overlay(c *Config, env func(string) (string, bool)) error {
	var errs []error
	fields(c, func(key string, v reflect.Value) {
		s, ok := env(Variable(key))
		if !ok {
			return
		}
		if err := set(v, s); err != nil {
			errs = append(errs, fmt.Errorf("environment: %s is %q, want %s", Variable(key), s, describe(v)))
		}
	})
	if s, ok := env("DISCORD_TOKEN"); ok {
		c.Token = Secret(strings.TrimSpace(s))
	}
	if s, ok := env("REDIS_URL"); ok {
		c.RedisURL = Secret(strings.TrimSpace(s))
	}
	if s, ok := env("ENGINE_API_KEY"); ok {
		c.EngineKey = Secret(strings.TrimSpace(s))
	}
	if s, ok := env("MOEBOT_SESSION_KEYS"); ok {
		c.SessionKeys = Secret(strings.TrimSpace(s))
	}
	return errors.Join(errs...)
}

func set(v reflect.Value, s string) error {
	if d, ok := v.Addr().Interface().(*Duration); ok {
		return d.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return err
		}
		v.SetFloat(x)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return err
		}
		v.SetBool(b)
	case reflect.Slice:
		list := []string{}
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		v.SetString(s)
	}
	return nil
}
