// Which frames come to AF_XDP sockets, on an interface while this lives: an XDP program that sends
// the datagrams of one address and port to them (xdp_steering.bpf.c). It goes with the process. One
// thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/address.h"

namespace zyphos {

class XdpSteering {
 public:
  // On `interface` of the calling thread's network namespace; `native`: in the driver, else
  // generic, behind it. Error: one line, what was refused.
  static std::expected<std::unique_ptr<XdpSteering>, std::string> attach(
      const std::string& interface, const Address& to, bool native);
  virtual ~XdpSteering() = default;

  // What comes in by this queue goes to the AF_XDP socket from here on. std::system_error.
  virtual void redirect(std::uint32_t queue, int socket) = 0;
};

}  // namespace zyphos
