// Http1Server: the server's side of one HTTP/1.0 or HTTP/1.1 connection (RFC 9112). One exchange at
// a time, in order; further pipelined requests wait in the inbox, and as many as there is room for
// are answered in one advance.
//
// Cost: nothing is allocated per request beyond what the handler's exchange does. With
// `known_heads`, of pipelined requests that came together a head of the same bytes as the one
// before is not read again, only compared: it says the same.
#pragma once

#include <memory>
#include <string>

#include "memory/recycled.h"
#include "protocol/connection.h"
#include "protocol/handler.h"
#include "protocol/http1/response_sink.h"
#include "protocol/http1/rule.h"
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
    std::size_t head_bytes = 0;  // of the head that was read last
    Fields fields{};
    RequestHead head{};
    Framing framing{};
    Rule rule = Rule::none;  // that it breaks, where its parser does not say so
    std::string relaxed{};   // the head that was read last, where it had to be written anew
  };
  // A request whose exchange is under way, or the rest of whose body is read on. In between, and
  // for what is answered at once, a connection has none.
  struct Message : Recycled<Message> {
    Message(const RequestState& asked, const ResponseState& answer, Time now)
        : request(asked), response(answer), since(now) {}

    RequestState request;
    ResponseState response;
    std::unique_ptr<Exchange> exchange;
    std::uint64_t discarded = 0;  // of a body that nobody reads
    Time since;                   // end of the head
  };
  // Of a head that has not come whole: from the empty line before it, which is ignored, or its
  // first byte on.
  struct Partial : Recycled<Partial> {
    Time since = Time::never();              // its first byte; never: not yet
    bool blank_line = false;                 // the empty line has come
    std::unique_ptr<HeadProgress> progress;  // of a large one
  };
  // What the connection does next: again is another turn now, the others end the call.
  enum class Turn : std::uint8_t { again, input, room, wake, close, abort };

  Turn turn(Round& round);
  Step step(const Round& round, Turn turn, std::size_t consumed);
  Time deadline(Turn turn) const;
  Time request_due(Turn turn) const;
  Turn timed_out(Round& round, Turn turn);

  Turn next_request(Round& round);
  Parser parser(const Round& round) const;
  void read_head(Round& round, ReadResult& read);
  void check_hosts(Round& round, ReadResult& read) const;
  void read_relaxed(Round& round, ReadResult& refused);
  void count(Rule rule) const;
  Turn refuse_head(Round& round, const ReadResult& read);
  static bool same_head_again(const Round& round);
  void skip_blank_line(Round& round);
  bool nothing_yet(Bytes rest) const;
  Partial& partial() {
    if (!partial_) partial_.reset(new Partial);
    return *partial_;
  }
  bool head_partial() const { return partial_ && !partial_->since.is_never(); }
  bool blank_line() const { return partial_ && partial_->blank_line; }
  Turn partial_request(Round& round);
  Turn begin(Round& round);
  bool upgrade(Round& round, const RequestHead& head);
  Turn tunnel(Round& round, const RequestHead& head);
  void hand_over(Round& round, std::string_view head, std::unique_ptr<Connection> successor);
  Turn refuse(Round& round, std::uint16_t status, Errc error);

  ResponseSink open_sink(Round& round, const RequestState& request, ResponseState& response);
  Turn exchange(Round& round);
  bool feed(Round& round);
  Turn wait(Round& round);
  Turn refuse_body(Round& round);
  std::size_t show(Bytes bytes, bool end);
  Turn finish_exchange(Round& round, bool whole);
  Turn answered(Round& round, const ResponseState& response);
  Turn fail_exchange(Round& round);
  Turn discard(Round& round);

  // Small: there is one for each idle connection.
  Handler& handler_;
  const ServerOptions& options_;
  Context* context_ = nullptr;
  std::unique_ptr<Message> message_;
  Time active_ = Time::never();  // last progress; never: not yet called
  std::unique_ptr<Partial> partial_;
};

}  // namespace zyphos::http1
