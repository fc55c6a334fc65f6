// ResponseSink: an exchange's response, head and body, into an outbox with HTTP/1 framing.
#pragma once

#include "protocol/handler.h"
#include "protocol/http1/state.h"
#include "protocol/http1/write.h"
#include "protocol/outbox.h"

namespace zyphos::http1 {

class ResponseSink final : public Sink {
 public:
  ResponseSink(const RequestState& request, ResponseState& response, const ServerOptions& options,
               Outbox& out)
      : request_(request), response_(response), options_(options), out_(out) {}

  bool head(const ResponseHead& head) override;
  std::size_t room() const override;
  std::size_t body(ConstBytes bytes) override;
  bool refer(ConstBytes bytes, Hold hold) override;
  bool takes_files() const override { return out_.takes_files() && response_.body == Body::length; }
  bool file(FileRange range, Hold hold) override;
  bool whole(const ResponseHead& head, ConstBytes body) override;

  // After the last body byte. False: the response is shorter than declared.
  bool end();
  // Did it change anything?
  bool touched() const { return touched_; }

 private:
  ResponseFraming framing(Body body, std::uint64_t content_length, bool close) const;
  bool account(std::size_t n);
  std::size_t chunk(ConstBytes bytes);
  bool room_for_chunk() const;

  const RequestState& request_;
  ResponseState& response_;
  const ServerOptions& options_;
  Outbox& out_;
  bool touched_ = false;
};

}  // namespace zyphos::http1
