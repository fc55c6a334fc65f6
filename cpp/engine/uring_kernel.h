// What newer kernels' <linux/io_uring.h> has and liburing 2.3's headers have not: constants of our
// own. Whether the running kernel knows them is found by asking it (uring_features.cpp).
#pragma once

#include <liburing.h>

#include <cstdint>

namespace zyphos {

inline constexpr unsigned kFeatureBundles = 1U << 14;  // IORING_FEAT_RECVSEND_BUNDLE, Linux 6.10
inline constexpr unsigned kBundle = 1U << 4;           // IORING_RECVSEND_BUNDLE, in ioprio
inline constexpr unsigned kReportUsage = 1U << 3;      // IORING_SEND_ZC_REPORT_USAGE, in ioprio
inline constexpr unsigned kUsageCopied = 1U << 31;     // IORING_NOTIF_USAGE_ZC_COPIED, in res
inline constexpr unsigned kBufferMore = 1U << 4;       // IORING_CQE_F_BUF_MORE, in a cqe's flags
inline constexpr unsigned kIncremental = 2;            // IOU_PBUF_RING_INC, Linux 6.12

// struct io_uring_buf_reg, whose `flags` older headers call `pad`.
struct BufferRegistration {
  std::uint64_t ring_addr = 0;
  std::uint32_t ring_entries = 0;
  std::uint16_t bgid = 0;
  std::uint16_t flags = 0;
  std::uint64_t resv[3] = {};
};
static_assert(sizeof(BufferRegistration) == sizeof(io_uring_buf_reg));

}  // namespace zyphos
