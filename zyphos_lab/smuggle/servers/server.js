// Node's own HTTP server (llhttp): answers what it read. Arguments: port, and `insecure` where its
// lenient parser is asked for.
const http = require("http");
const insecure = process.argv[3] === "insecure";
const server = http.createServer({ insecureHTTPParser: insecure }, (request, response) => {
  let bytes = 0;
  request.on("data", (part) => (bytes += part.length));
  request.on("end", () => {
    const text = `read ${request.method} ${request.url} ${bytes}\n`;
    response.writeHead(200, { "Content-Length": text.length });
    response.end(text);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
