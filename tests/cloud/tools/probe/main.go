// What the Pods of the node's tests run: one static program, so that an image is one file.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const usage = `probe pause                       wait for SIGTERM, as the process that holds a Pod's namespaces
probe serve ADDRESS[,...] PORT... listen on these TCP ports; an address may be empty
probe try [SOURCE]                print which HOST:PORT lines of standard input can be connected to
probe resolve NAME                print the addresses of a name
probe eat MIB                     use so much memory
probe fill FILE MIB               write a file of this size
probe id                          print user, seccomp mode, capabilities and no-new-privileges`

func main() {
	arguments := append(os.Args[1:], "", "", "")
	var err error
	switch arguments[0] {
	case "pause":
		pause()
	case "serve":
		err = serve(strings.Split(arguments[1], ","), os.Args[3:])
	case "try":
		err = try(arguments[1])
	case "resolve":
		err = resolve(arguments[1])
	case "eat":
		err = eat(arguments[1])
	case "fill":
		err = fill(arguments[1], arguments[2])
	case "id":
		err = id()
	default:
		err = errors.New(usage)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pause also collects the processes of the Pod whose parents have gone.
func pause() {
	ended, children := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		select {
		case <-ended:
			return
		case <-children:
			for {
				if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}

// serve skips ports that somebody else listens on: an address may have servers of its own.
func serve(addresses, ports []string) error {
	for _, address := range addresses {
		for _, port := range ports {
			listener, err := net.Listen("tcp4", net.JoinHostPort(address, port))
			if errors.Is(err, syscall.EADDRINUSE) {
				continue
			}
			if err != nil {
				return err
			}
			go greet(listener)
		}
	}
	fmt.Println("listening")
	pause()
	return nil
}

func greet(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		connection.Close()
	}
}

// try connects to all at once. A second is enough on one machine; what is not answered by then was dropped.
func try(source string) error {
	dialer := net.Dialer{Timeout: time.Second}
	if source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	var waiting sync.WaitGroup
	reached := make(chan string)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		target := lines.Text()
		waiting.Go(func() {
			if connection, err := dialer.Dial("tcp4", target); err == nil {
				connection.Close()
				reached <- target
			}
		})
	}
	go func() { waiting.Wait(); close(reached) }()
	for target := range reached {
		fmt.Println(target)
	}
	return lines.Err()
}

func resolve(name string) error {
	addresses, err := net.LookupHost(name)
	for _, address := range addresses {
		fmt.Println(address)
	}
	return err
}

func eat(mib string) error {
	size, err := strconv.Atoi(mib)
	if err != nil {
		return err
	}
	memory := make([]byte, size<<20)
	for at := 0; at < len(memory); at += os.Getpagesize() {
		memory[at] = 1
	}
	fmt.Println("eaten", len(memory)>>20)
	pause()
	return nil
}

func fill(path, mib string) error {
	size, err := strconv.Atoi(mib)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for range size {
		if _, err := file.Write(block); err != nil {
			return err
		}
	}
	fmt.Println("filled", size)
	// It does not end well when it is told to: an evicted Pod that does is called Succeeded, without a reason.
	time.Sleep(time.Hour)
	return nil
}

func id() error {
	status, err := os.ReadFile("/proc/self/status")
	os.Stdout.Write(status)
	return err
}
