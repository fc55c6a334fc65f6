#include "binding/sock_diag_binding.h"

#include <pybind11/stl.h>

#include "binding/os_error.h"
#include "probe/sock_diag.h"
#include "probe/socket_sampler.h"

namespace py = pybind11;

namespace zyphos {
namespace {

void bind_dumps(py::module_& module) {
  py::class_<TcpSocket>(module, "TcpSocket", "One TCP socket's figures; None where not reported.")
      .def_readonly("cookie", &TcpSocket::cookie)
      .def_readonly("local_port", &TcpSocket::local_port)
      .def_readonly("remote_port", &TcpSocket::remote_port)
      .def_readonly("ipv6", &TcpSocket::ipv6)
      .def_readonly("congestion", &TcpSocket::congestion)
      .def_readonly("segs_out", &TcpSocket::segs_out)
      .def_readonly("segs_in", &TcpSocket::segs_in)
      .def_readonly("data_segs_out", &TcpSocket::data_segs_out)
      .def_readonly("data_segs_in", &TcpSocket::data_segs_in)
      .def_readonly("bytes_acked", &TcpSocket::bytes_acked)
      .def_readonly("bytes_received", &TcpSocket::bytes_received)
      .def_readonly("bytes_retransmitted", &TcpSocket::bytes_retransmitted)
      .def_readonly("retransmits", &TcpSocket::retransmits)
      .def_readonly("delivered", &TcpSocket::delivered)
      .def_readonly("reordering_seen", &TcpSocket::reordering_seen)
      .def_readonly("rtt_ns", &TcpSocket::rtt_ns)
      .def_readonly("rtt_variance_ns", &TcpSocket::rtt_variance_ns)
      .def_readonly("rtt_min_ns", &TcpSocket::rtt_min_ns)
      .def_readonly("cwnd", &TcpSocket::cwnd)
      .def_readonly("ack_timeout_ns", &TcpSocket::ack_timeout_ns)
      .def_readonly("busy_ns", &TcpSocket::busy_ns)
      .def_readonly("window_limited_ns", &TcpSocket::window_limited_ns)
      .def_readonly("sndbuf_limited_ns", &TcpSocket::sndbuf_limited_ns);
  py::class_<SockDiag>(module, "SockDiag", "Dumps TCP sockets of one network namespace.")
      .def(py::init([](const std::string& netns) {
             return as_os_error([&] { return std::make_unique<SockDiag>(netns); });
           }),
           py::arg("netns") = "")
      .def(
          "dump",
          [](SockDiag& diag, std::uint16_t port) {
            return as_os_error([&] { return diag.dump(port); });
          },
          py::arg("port"))
      .def(
          "queues",
          [](SockDiag& diag, std::uint16_t port) {
            return as_os_error([&] { return diag.queues(port); });
          },
          py::arg("port"));
}

void bind_queues(py::module_& module) {
  py::class_<SocketQueues>(module, "SocketQueues", "What one TCP socket's queues hold.")
      .def_readonly("cookie", &SocketQueues::cookie)
      .def_readonly("local_port", &SocketQueues::local_port)
      .def_readonly("state", &SocketQueues::state)
      .def_readonly("receive_queue", &SocketQueues::receive_queue)
      .def_readonly("send_queue", &SocketQueues::send_queue)
      .def_readonly("memory_bytes", &SocketQueues::memory_bytes)
      .def_readonly("drops", &SocketQueues::drops);
}

#define ZYPHOS_SIDE(name) side[#name] = sample.name

py::dict side_of(const SideSample& sample) {
  py::dict side;
  ZYPHOS_SIDE(sockets);
  ZYPHOS_SIDE(receive_queue_bytes);
  ZYPHOS_SIDE(receive_queue_bytes_of_one);
  ZYPHOS_SIDE(send_queue_bytes);
  ZYPHOS_SIDE(send_queue_bytes_of_one);
  ZYPHOS_SIDE(memory_bytes);
  ZYPHOS_SIDE(listen_queue);
  ZYPHOS_SIDE(listen_queue_limit);
  ZYPHOS_SIDE(established);
  ZYPHOS_SIDE(syn_sent);
  ZYPHOS_SIDE(syn_recv);
  ZYPHOS_SIDE(fin_wait1);
  ZYPHOS_SIDE(fin_wait2);
  ZYPHOS_SIDE(close_wait);
  ZYPHOS_SIDE(last_ack);
  ZYPHOS_SIDE(closing);
  return side;
}

#undef ZYPHOS_SIDE

// [(time_ns, cpu_ns, {"server": {...}, "client": {...}})]
py::list samples_of(const SocketSampler& sampler) {
  py::list samples;
  for (const auto& sample : sampler.samples()) {
    py::dict sides;
    sides["server"] = side_of(sample.server);
    sides["client"] = side_of(sample.client);
    samples.append(py::make_tuple(sample.time_ns, sample.cpu_ns, sides));
  }
  return samples;
}

void bind_sampler(py::module_& module) {
  py::class_<SocketSampler>(module, "SocketSampler", "Socket queues at a fixed interval.")
      .def(py::init([](const std::vector<std::string>& netns, std::uint16_t port,
                       std::int64_t interval_ns) {
             return as_os_error(
                 [&] { return std::make_unique<SocketSampler>(netns, port, interval_ns); });
           }),
           py::arg("netns"), py::arg("port"), py::arg("interval_ns"))
      .def("samples", &samples_of)
      .def("stop", &SocketSampler::stop, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("reason", &SocketSampler::reason);
}

}  // namespace

void bind_sock_diag(py::module_& module) {
  bind_dumps(module);
  bind_queues(module);
  bind_sampler(module);
}

}  // namespace zyphos
