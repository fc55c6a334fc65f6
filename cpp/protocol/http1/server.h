// Http1Server: the server's side of one HTTP/1.0 or HTTP/1.1 connection (RFC 9112). One exchange at
// a time, in order; further pipelined requests wait in the inbox, and as many as there is room for
// are answered in one advance.
//
// Cost: nothing is allocated per request beyond what the handler's exchange does. Of pipelined
// requests that came together, a head of the same bytes as the one before is not read again, only
// compared: it says the same.
#pragma once

#include <memory>

#include "protocol/connection.h"
#include "protocol/handler.h"
#include "protocol/http1/response_sink.h"
#include "protocol/http1/state.h"

namespace zyphos::http1 {

class Http1Server final : public Connection {
 public:
  // Both outlive the connection and are shared by many.
  Http1Server(Handler& handler, const ServerOptions& options)
      : handler_(handler), options_(options) {}

  void start(Context& context) override { context_ = &context; }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override;

 private:
  // One call of advance(): what is left of the input, and what came of it.
  struct Round {
    Bytes rest;
    Peer peer;
    Outbox& out;
    Time now;
    bool progress = false;
    Errc error = Errc::ok;
    // The head that was read last and what it said, as long as its bytes stay: until the call ends.
    ConstBytes known{};
    Fields fields{};
    RequestHead head{};
    Framing framing{};
  };
  // What the connection does next: again is another turn now, the others end the call.
  enum class Turn : std::uint8_t { again, input, room, wake, close, abort };

  Turn turn(Round& round);
  Step step(const Round& round, Turn turn, std::size_t consumed);
  Time deadline(Turn turn) const;
  Time request_due(Turn turn) const;
  Turn timed_out(Round& round, Turn turn);

  Turn next_request(Round& round);
  static bool same_head_again(const Round& round);
  void skip_blank_line(Round& round);
  bool nothing_yet(Bytes rest) const;
  Turn partial_request(Round& round);
  Turn begin(Round& round);
  bool upgrade(Round& round, const RequestHead& head);
  Turn refuse(Round& round, std::uint16_t status, Errc error);

  ResponseSink open_sink(Round& round);
  Turn exchange(Round& round);
  bool feed(Round& round);
  Turn wait(Round& round);
  Turn refuse_body(Round& round);
  std::size_t show(Bytes bytes, bool end);
  Turn finish_exchange(Round& round, bool whole);
  Turn answered(Round& round);
  Turn fail_exchange(Round& round);
  Turn discard(Round& round);

  Handler& handler_;
  const ServerOptions& options_;
  Context* context_ = nullptr;
  std::unique_ptr<Exchange> exchange_;
  RequestState request_;
  ResponseState response_;
  std::uint64_t discarded_ = 0;             // of a body that nobody reads
  Time active_{};                           // last progress
  Time head_since_ = Time::never();         // first byte of a partial head
  Time body_since_{};                       // end of the last head
  std::unique_ptr<HeadProgress> progress_;  // of a large head that trickles in
  bool started_ = false;
  bool blank_line_skipped_ = false;
};

}  // namespace zyphos::http1
