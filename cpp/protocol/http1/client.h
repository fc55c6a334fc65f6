// Http1Client: the client's side of one HTTP/1.1 connection (RFC 9112), pipelined up to a depth.
// Strict: what is not a response to a request that was sent ends the connection with an error.
//
// Cost in steady state: no allocation. A request that is submitted again is one copy of its stored
// bytes; a response whose head has the same bytes as the one before is not read again, only
// compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/client.h"
#include "protocol/http1/body_reader.h"
#include "protocol/http1/read.h"

namespace zyphos::http1 {

struct ClientOptions {
  std::size_t pipeline = 1;  // requests outstanding at once
  ReadLimits limits;
  // Where set, the body of every final response to a request that expects none of its own is
  // compared with it; the bytes outlive the clients.
  std::optional<ConstBytes> expected_body;
  Parser parser = kDescent;  // of responses' heads
};

class Http1Client final : public Client {
 public:
  explicit Http1Client(const ClientOptions& options);
  explicit Http1Client(std::size_t pipeline)
      : Http1Client(ClientOptions{.pipeline = pipeline, .limits = {}, .expected_body = {}}) {}

  void start(Context& context) override { context_ = &context; }
  Step advance(Bytes in, Peer peer, Outbox& out, Time now) override;
  bool submit(const Request& request, std::uint64_t tag) override;
  std::size_t outstanding() const override { return outstanding_; }
  std::span<const Completion> completed() override;

 private:
  struct Sent {
    const Request* request = nullptr;
    std::uint64_t tag = 0;
    bool head_only = false;
  };
  // The response under way.
  struct Response {
    bool head_read = false;
    bool as_expected = true;
    std::uint16_t status = 0;
    std::uint64_t size = 0;
    BodyReader body;
  };
  // A head as bytes and what it said.
  struct KnownHead {
    std::string bytes;
    std::uint16_t status = 0;
    Framing framing;
  };

  void write_requests(Outbox& out);
  bool write_request(Outbox& out, const Request& request);
  void serialise(const Request& request);
  Step ongoing(std::size_t consumed);
  Errc read_responses(Bytes& rest, Peer peer);
  bool read_head(Bytes& rest, Errc& error);
  bool known_head(Bytes& rest);
  void remember(ConstBytes head, std::uint16_t status, const Framing& framing);
  void open_body(std::uint16_t status, const Framing& framing);
  bool read_body(Bytes& rest, Peer peer, Errc& error);
  // Of the request that the response under way answers.
  const std::optional<ConstBytes>& expected_body() const {
    const std::optional<ConstBytes>& own = ring_[first_].request->expected_body;
    return own ? own : options_.expected_body;
  }
  void take(ConstBytes bytes);
  void complete(Errc error);
  Step end(std::size_t consumed, Errc error, Next next);
  std::size_t index(std::size_t nth) const {
    const std::size_t at = first_ + nth;
    return at < ring_.size() ? at : at - ring_.size();
  }

  ClientOptions options_;
  Context* context_ = nullptr;
  std::vector<Sent> ring_;
  std::size_t first_ = 0;  // oldest outstanding
  std::size_t outstanding_ = 0;
  std::size_t unwritten_ = 0;  // the newest of the outstanding
  std::size_t written_ = 0;    // bytes of the oldest unwritten
  const Request* stored_ = nullptr;
  std::string wire_;  // stored_'s bytes, without a large body
  bool refer_body_ = false;
  Response response_;
  KnownHead known_;
  bool close_ = false;  // no request after the response under way
  bool ended_ = false;
  bool seen_ = true;  // completed_ has been handed out
  std::vector<Completion> completed_;
};

}  // namespace zyphos::http1
