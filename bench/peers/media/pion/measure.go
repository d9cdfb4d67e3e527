// How long does a packet take, and what does it allocate? As bench/harness.h measures, with fewer batches.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

type figure struct {
	Stack   string  `json:"stack"`
	Version string  `json:"version"`
	Case    string  `json:"case"`
	Ns      float64 `json:"ns"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	N       int     `json:"n"`
	Allocs  float64 `json:"allocs"`
}

var (
	batches     = 15
	batchLength = 10 * time.Millisecond
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Of all goroutines.
func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if strings.HasPrefix(dependency.Path, "github.com/pion/"+module) {
			return module + " " + dependency.Version
		}
	}
	return module
}

func say(module, name string, samples []float64, allocs float64) {
	slices.Sort(samples)
	line, err := json.Marshal(figure{"pion", version(module), name, samples[len(samples)/2], samples[0],
		samples[len(samples)-1], len(samples), allocs})
	must(err)
	fmt.Println(string(line))
}

// run does the work so many times. It is warmed up, then a batch lasts batchLength: long enough that the collector's work is part
// of it.
func measure(module, name string, run func(count int)) {
	count := 64
	for {
		start := time.Now()
		run(count)
		if took := time.Since(start); took >= batchLength/2 {
			count = int(float64(count)*float64(batchLength)/float64(took)) + 1
			break
		}
		count *= 2
	}
	samples := make([]float64, batches)
	before := allocations()
	for i := range samples {
		start := time.Now()
		run(count)
		samples[i] = float64(time.Since(start).Nanoseconds()) / float64(count)
	}
	say(module, name, samples, float64(allocations()-before)/float64(count*batches))
}
