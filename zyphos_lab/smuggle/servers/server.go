// Go's net/http: answers what it read. Argument: port.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	read := func(response http.ResponseWriter, request *http.Request) {
		count, err := io.Copy(io.Discard, request.Body)
		if err != nil {
			http.Error(response, "no such body", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(response, "read %s %s %d\n", request.Method, request.RequestURI, count)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(read)))
}
