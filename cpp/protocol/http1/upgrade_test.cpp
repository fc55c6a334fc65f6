// What an HTTP/1 server hands a connection over to: by Upgrade, and by CONNECT. The successor gets
// every byte behind the head, however the input was cut, by each parser.
#include <gtest/gtest.h>

#include <cctype>
#include <memory>
#include <string>

#include "protocol/http1/server.h"
#include "protocol/outbox.h"
#include "testing/one_peer.h"
#include "testing/report_handler.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

// A protocol of one word: what comes goes back in capitals.
class Shout final : public Connection {
 public:
  Step advance(Bytes in, Peer peer, Outbox& out, Time) override {
    std::string text(as_text(in));
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::size_t taken = out.write(as_bytes(text));
    const bool last = peer == Peer::finished && taken == in.size();
    return {.consumed = taken, .next = last ? Next::close : Next::run};
  }
};

class Shouting final : public Upgrader {
 public:
  std::unique_ptr<Connection> upgrade(const RequestHead& head, std::string& fields) override {
    const Header* const wanted = head.find("upgrade");
    if (wanted == nullptr || wanted->value != "shout") return nullptr;
    fields = "Upgrade: shout\r\n";
    return std::make_unique<Shout>();
  }
  std::unique_ptr<Connection> connect(const RequestHead& head) override {
    return head.target == "a:443" ? std::make_unique<Shout>() : nullptr;
  }
};

std::string run(const testing::Pieces& pieces, Parser parser, Upgrader* upgrader) {
  testing::ReportHandler handler;
  ServerOptions options;
  options.parser = parser;
  options.upgrader = upgrader;
  testing::OnePeer peer(std::make_unique<Http1Server>(handler, options));
  for (const auto piece : pieces) peer.feed(piece);
  peer.finish();
  return peer.output() + "|" + std::string(peer.ending()) + "|" +
         std::to_string(peer.around().counters.value(Counter::requests));
}

void expect_always(std::string_view input, const std::string& wanted) {
  Shouting shouting;
  for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
    SCOPED_TRACE(parser.name());
    const auto check = [&](const testing::Pieces& pieces) {
      return run(pieces, parser, &shouting);
    };
    EXPECT_EQ(check({input}), wanted);
    const auto difference = testing::every_split(input, check);
    EXPECT_FALSE(difference) << *difference;
  }
}

constexpr std::string_view kAnswer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";

TEST(Upgrade, HandsOverWhatFollowsTheHead) {
  expect_always(
      "GET /s HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\nConnection: x, upgrade\r\n\r\nhello\r\n\r\n",
      std::string(kAnswer) + "HELLO\r\n\r\n|close|1");
}

TEST(Upgrade, FollowsOrdinaryRequests) {
  expect_always(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\nConnection: upgrade\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nGET /1 host=a body=" + std::string(kAnswer) +
          "HI|close|2");
}

TEST(Upgrade, IsAnOrdinaryRequestWhereItIsNotToBe) {
  const std::string line = "Upgrade: shout\r\nConnection: upgrade\r\n";
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n";
  // Ignored in HTTP/1.0 (RFC 9110, 7.8).
  expect_always("GET /1 HTTP/1.0\r\nHost: a\r\n" + line + "\r\n",
                answer + "Connection: close\r\n\r\nGET /1 host=a body=|close|1");
  // Nothing is said without the option; another protocol is not offered here.
  expect_always("GET /1 HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\n\r\n",
                answer + "\r\nGET /1 host=a body=|close|1");
  expect_always("GET /1 HTTP/1.1\r\nHost: a\r\nUpgrade: sing\r\nConnection: upgrade\r\n\r\n",
                answer + "\r\nGET /1 host=a body=|close|1");
  // With a body: that would have to be read by the old protocol first.
  expect_always("PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" + line + "\r\nx",
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nPUT /1 host=a body=x|close|1");
}

TEST(Connect, HandsOverWhatFollowsTheHead) {
  expect_always("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nhello\r\n",
                "HTTP/1.1 200 OK\r\n\r\nHELLO\r\n|close|1");
}

TEST(Connect, IsRefusedWhereThereIsNoWay) {
  Shouting shouting;
  for (const std::string_view head :
       {"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nhello",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 1\r\n\r\nx"}) {
    EXPECT_TRUE(run({head}, kTable, &shouting).starts_with("HTTP/1.1 501 ")) << head;
    EXPECT_TRUE(run({head}, kTable, nullptr).starts_with("HTTP/1.1 501 ")) << head;
  }
}

}  // namespace
}  // namespace zyphos::http1
