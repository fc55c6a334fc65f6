#include "app/web/reply.h"

#include <algorithm>
#include <array>

namespace zyphos::web {
namespace {

struct Meaning {
  std::uint16_t status;
  std::string_view title;
  std::string_view text;
};

constexpr std::array<Meaning, 9> kMeanings{
    {{400, "Bad Request", "That is no address of a file here."},
     {403, "Forbidden", "This is not for showing."},
     {404, "Not Found", "There is nothing of that name here."},
     {405, "Method Not Allowed", "Files can be had by GET and HEAD alone."},
     {412, "Precondition Failed", "The file is not, or no longer, what was asked for."},
     {414, "URI Too Long", "No file here has so long a name."},
     {416, "Range Not Satisfiable", "The file ends before what was asked for begins."},
     {500, "Internal Server Error", "The file could not be read."},
     {503, "Service Unavailable", "Too much is open already; try again in a moment."}}};

constexpr std::string_view kStyle =
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;"
    "padding:0 1.25rem;color:#1c2430;background:#fff}h1{font-size:1.5rem;margin:0}"
    "a{color:#0b5cad}@media(prefers-color-scheme:dark){body{color:#dfe5ec;background:#14181d}"
    "a{color:#7db7f2}}</style>";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string error_page(std::uint16_t status) {
  const auto found = std::ranges::find(kMeanings, status, &Meaning::status);
  if (found == kMeanings.end()) return {};
  const std::string title = std::to_string(status) + " " + std::string(found->title);
  return "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
         title + "</title>" + std::string(kStyle) + "<h1>" + title + "</h1><p>" +
         std::string(found->text) + "</p><p><a href=\"/\">To the first page</a></p></html>\n";
}

Giving::Giving(Reply reply) : reply_(std::move(reply)) {
  for (const auto& [name, value] : reply_.fields) headers_.push_back({name, value});
}

Produce Giving::produce(Sink& sink) {
  if (!head_sent_) {
    const ResponseHead head{
        .status = reply_.status, .headers = headers_, .content_length = reply_.body.size()};
    if (!sink.head(head)) return Produce::more;
    head_sent_ = true;
  }
  while (sent_ < reply_.body.size()) {
    const std::size_t n = sink.body(as_bytes(reply_.body).subspan(sent_));
    if (n == 0) return Produce::more;
    sent_ += n;
  }
  return Produce::done;
}

}  // namespace zyphos::web
