// The shared part of the BPF loaders: its reasons, and the reading that costs are told from.
#include "probe/bpf_loading.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace zyphos {
namespace {

TEST(BpfRefusal, SaysWhatWasTriedAndWhatMendsIt) {
  const auto rights = bpf_refusal("tcp", "bpf(BPF_PROG_LOAD)", EPERM);
  EXPECT_TRUE(rights.starts_with("tcp: bpf(BPF_PROG_LOAD): Operation not permitted (errno 1)"));
  EXPECT_NE(rights.find("run as root"), std::string::npos);
  const auto other = bpf_refusal("tcp", "mmap the BPF map", ENOMEM);
  EXPECT_EQ(other, "tcp: mmap the BPF map: Cannot allocate memory (errno 12)");
}

TEST(BpfMissing, NamesTheProbeOrSaysNothing) {
  const auto reason = bpf_missing("tcp");
  EXPECT_TRUE(reason.empty() || reason.starts_with("tcp: ")) << reason;
}

TEST(PerCpuSlots, AddsNothingWithoutAMap) {
  PerCpuSlots none, moved(std::move(none));
  std::vector<std::uint64_t> sums;
  moved.add(Role::server, sums);
  EXPECT_TRUE(sums.empty());
}

TEST(GetppidNs, TakesTime) { EXPECT_GT(getppid_ns(), 1.0); }

}  // namespace
}  // namespace zyphos
