// Clients: what the generator asks for and what a good answer is; makes the Client of each
// connection. The only file that knows which protocols there are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "load/options.h"
#include "protocol/client.h"

namespace zyphos {

// Thread safety: const calls from any thread. Outlives the clients it makes: they refer to its
// request.
class Clients {
 public:
  explicit Clients(const LoadOptions& options);
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  std::unique_ptr<Client> make() const;
  // The one request that all submit.
  const Request& request() const { return request_; }
  // ok: a good answer.
  Errc verdict(const Completion& completion) const {
    if (completion.error != Errc::ok) return completion.error;
    if (has_status_ && !good_status(completion.status)) return Errc::wrong_status;
    if (!completion.body_expected) return Errc::wrong_body;
    if (check_.body_bytes && *check_.body_bytes != completion.body_bytes) return Errc::wrong_body;
    return Errc::ok;
  }

 private:
  bool good_status(std::uint16_t status) const {
    return check_.status ? status == *check_.status : status >= 200 && status < 300;
  }

  LoadOptions options_;
  CheckOptions check_;
  bool has_status_;
  std::string authority_;
  std::string body_;
  std::vector<Header> headers_;
  Request request_;
};

}  // namespace zyphos
