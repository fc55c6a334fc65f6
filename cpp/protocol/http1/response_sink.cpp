#include "protocol/http1/response_sink.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace zyphos::http1 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::size_t kChunkOverhead_bytes = kChunkHead_bytes_max + kLineEnd.size();

bool is_bodiless(std::uint16_t status) { return status == 204 || status == 304; }

}  // namespace

ResponseFraming ResponseSink::framing(Body body, std::uint64_t content_length, bool close) const {
  return {
      .body = body,
      .content_length = content_length,
      .close = close,
      .keep_alive = !close && request_.version_minor == 0,
      .constant_fields = options_.constant_fields,
      .date = options_.date,
  };
}

bool ResponseSink::head(const ResponseHead& head) {
  ZY_CHECK(!response_.head_written);
  ResponseState next = response_;
  const bool bodiless = is_bodiless(head.status);
  next.has_body = !bodiless && !request_.head_only;
  if (head.content_length) {
    next.body = Body::length;
    next.left = *head.content_length;
  } else {
    next.body = request_.version_minor == 0 ? Body::until_close : Body::chunked;
    if (next.body == Body::until_close) next.close = true;
  }
  const Body body = bodiless ? Body::none : next.body;
  switch (write_response(out_, head, framing(body, next.left, next.close))) {
    case Written::yes: break;
    case Written::no_room: return false;
    case Written::never: response_.failed = true; return false;
  }
  next.head_written = true;
  response_ = next;
  touched_ = true;
  return true;
}

bool ResponseSink::whole(const ResponseHead& head, ConstBytes body) {
  ZY_CHECK(!response_.head_written);
  const bool bodiless = is_bodiless(head.status);
  const bool has_body = !bodiless && !request_.head_only;
  const ResponseFraming how =
      framing(bodiless ? Body::none : Body::length, body.size(), response_.close);
  const ConstBytes sent = has_body ? body : ConstBytes();
  if (write_response(out_, head, how, sent) != Written::yes) return false;
  response_.head_written = true;
  response_.has_body = has_body;
  response_.body = Body::length;
  response_.left = 0;
  touched_ = true;
  return true;
}

std::size_t ResponseSink::room() const {
  const std::size_t room = out_.room();
  if (response_.body != Body::chunked) return room;
  return room > kChunkOverhead_bytes ? room - kChunkOverhead_bytes : 0;
}

std::size_t ResponseSink::body(ConstBytes bytes) {
  ZY_CHECK(response_.head_written);
  if (bytes.empty()) return 0;
  std::size_t n = bytes.size();
  if (response_.has_body) {
    n = std::min(n, room());
    if (n == 0) return 0;
  }
  if (!account(n)) return 0;
  touched_ = true;
  if (!response_.has_body) return n;
  if (response_.body == Body::chunked) return chunk(bytes.first(n));
  return out_.write(bytes.first(n));
}

// False: more than was declared, an error of the application.
bool ResponseSink::account(std::size_t n) {
  if (response_.body != Body::length) return true;
  if (n > response_.left) {
    response_.failed = true;
    return false;
  }
  response_.left -= n;
  return true;
}

std::size_t ResponseSink::chunk(ConstBytes bytes) {
  const Bytes place = out_.prepare(bytes.size() + kChunkOverhead_bytes);
  std::size_t size = put_chunk_head(place.data(), bytes.size());
  std::memcpy(place.data() + size, bytes.data(), bytes.size());
  size += bytes.size();
  std::memcpy(place.data() + size, kLineEnd.data(), kLineEnd.size());
  out_.commit(size + kLineEnd.size());
  return bytes.size();
}

bool ResponseSink::refer(ConstBytes bytes, Hold hold) {
  ZY_CHECK(response_.head_written);
  if (bytes.empty()) return true;
  const bool chunked = response_.body == Body::chunked;
  if (response_.has_body && !(chunked ? room_for_chunk() : out_.room() > 0)) return false;
  if (!account(bytes.size())) return false;
  touched_ = true;
  if (!response_.has_body) return true;
  if (!chunked) return out_.refer(bytes, std::move(hold));
  std::array<std::byte, kChunkHead_bytes_max> start;
  const std::size_t size = put_chunk_head(start.data(), bytes.size());
  out_.write(ConstBytes(start).first(size));
  ZY_CHECK(out_.refer(bytes, std::move(hold)));
  ZY_CHECK(out_.write_control(as_bytes(kLineEnd)));
  return true;
}

bool ResponseSink::file(FileRange range, Hold hold) {
  ZY_CHECK(response_.head_written && takes_files());
  if (response_.has_body && out_.room() == 0) return false;
  if (!account(range.size)) return false;
  touched_ = true;
  return !response_.has_body || out_.file(range, std::move(hold));
}

// A referred chunk takes three segments, its head and its end besides the bytes.
bool ResponseSink::room_for_chunk() const {
  constexpr std::size_t kSegments = 3;
  return out_.segments_left() >= kSegments && room() > 0 &&
         out_.pending() + kChunkOverhead_bytes < Outbox::kHighWater_bytes;
}

bool ResponseSink::end() {
  if (!response_.head_written) return false;
  if (!response_.has_body) return true;
  if (response_.body == Body::length) return response_.left == 0;
  if (response_.body == Body::chunked) return out_.write_control(as_bytes(kLastChunk));
  return true;
}

}  // namespace zyphos::http1
