#include "load/clients.h"

#include "base/address.h"
#include "protocol/echo/client.h"
#include "protocol/http1/client.h"

namespace zyphos {
namespace {

std::unique_ptr<Client> make_echo(const LoadOptions& options) {
  const auto pattern = echo::write_pattern(options.write_pattern);
  return std::make_unique<echo::EchoClient>(
      echo::ClientOptions{.message_bytes = options.message_bytes,
                          .response_bytes = options.response_bytes,
                          .write_pattern = pattern.value_or(echo::WritePattern::one),
                          .pipeline = options.pipeline});
}

}  // namespace

Clients::Clients(const LoadOptions& options)
    : options_(options), check_(options.check), has_status_(options.protocol == "http1") {
  // A Host without the port where it is the default one (RFC 9110, 7.2).
  authority_ = options_.address;
  if (authority_.find(':') != std::string::npos) authority_ = "[" + authority_ + "]";
  if (options_.port != 80) authority_ += ":" + std::to_string(options_.port);
  body_ = options_.body;
  for (std::size_t i = body_.size(); i < options_.body_bytes; ++i) {
    body_.push_back(static_cast<char>('a' + i % 26));
  }
  for (const auto& [name, value] : options_.headers) headers_.push_back({name, value});
  request_ = {.method = options_.method,
              .target = options_.path,
              .authority = authority_,
              .headers = headers_,
              .body = as_bytes(body_)};
}

std::unique_ptr<Client> Clients::make() const {
  if (options_.protocol == "echo") return make_echo(options_);
  http1::ClientOptions http{.pipeline = options_.pipeline, .limits = {}, .expected_body = {}};
  if (check_.body) http.expected_body = as_bytes(*check_.body);
  return std::make_unique<http1::Http1Client>(http);
}

}  // namespace zyphos
