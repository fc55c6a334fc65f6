// Reply: an answer that is made and not a file: an error's page, a redirect, a folder's listing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/handler.h"

namespace zyphos::web {

struct Reply {
  std::uint16_t status = 200;
  std::vector<std::pair<std::string_view, std::string>> fields = {};
  std::string body = {};
};

// As text between tags and in quoted attributes.
std::string escape_html(std::string_view text);

// "404 Not Found" and what it means, as a page; empty for a status that has no body.
std::string error_page(std::uint16_t status);

// Gives a Reply to a sink, in as many calls as it takes.
class Giving {
 public:
  explicit Giving(Reply reply);
  Produce produce(Sink& sink);
  std::uint16_t status() const { return reply_.status; }
  // Of the body, bytes given so far.
  std::size_t sent() const { return sent_; }

 private:
  Reply reply_;
  std::vector<Header> headers_;
  bool head_sent_ = false;
  std::size_t sent_ = 0;
};

}  // namespace zyphos::web
