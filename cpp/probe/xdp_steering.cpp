#include "probe/xdp_steering.h"

#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "net/fd.h"
#include "probe/bpf_loading.h"

#if ZYPHOS_HAVE_LIBBPF
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "xdp_steering.skel.h"
#endif

namespace zyphos {

using Attached = std::expected<std::unique_ptr<XdpSteering>, std::string>;

#if ZYPHOS_HAVE_LIBBPF

namespace {

using Skeleton = std::unique_ptr<xdp_steering_bpf, void (*)(xdp_steering_bpf*)>;

class Loaded final : public XdpSteering {
 public:
  Loaded(Skeleton skeleton, Fd link) : skeleton_(std::move(skeleton)), link_(std::move(link)) {}

  void redirect(std::uint32_t queue, int socket) override {
    const int map = bpf_map__fd(skeleton_->maps.sockets);
    if (bpf_map_update_elem(map, &queue, &socket, BPF_ANY) != 0) {
      throw std::system_error(errno, std::generic_category(), "put a socket into the XSKMAP");
    }
  }

 private:
  Skeleton skeleton_;
  Fd link_;
};

Attached refused(const std::string& doing) {
  const int error = errno;
  const bool rights = error == EPERM || error == EACCES;
  return std::unexpected("xdp_steering: cannot " + doing + ": " +
                         std::generic_category().message(error) +
                         (rights ? " (needs CAP_BPF and CAP_NET_ADMIN: run it as root)" : ""));
}

}  // namespace

Attached XdpSteering::attach(const std::string& interface, const Address& to, bool native) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return refused("find the interface " + interface);
  Skeleton skeleton(xdp_steering_bpf__open(), xdp_steering_bpf__destroy);
  if (!skeleton) return refused("open the program");
  std::memcpy(const_cast<std::uint32_t*>(&skeleton->rodata->address), to.host.data(),
              sizeof skeleton->rodata->address);
  skeleton->rodata->port = htons(to.port);
  if (xdp_steering_bpf__load(skeleton.get()) != 0) return refused("load the program");
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  Fd link(bpf_link_create(bpf_program__fd(skeleton->progs.on_frame), static_cast<int>(index),
                          BPF_XDP, &options));
  const char* mode = native ? "native" : "generic";
  if (!link) return refused("attach to " + interface + " in " + mode + " mode");
  return std::make_unique<Loaded>(std::move(skeleton), std::move(link));
}

#else

Attached XdpSteering::attach(const std::string&, const Address&, bool) {
  return std::unexpected(bpf_missing("xdp_steering"));
}

#endif

}  // namespace zyphos
