// The ways in which engine uring is tested: every switch away from its default, and rings so small
// that they run full. Included by tests only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/uring_options.h"

namespace zyphos::testing {

// Names of tests with their options.
inline std::vector<std::pair<std::string, UringOptions>> uring_modes() {
  const UringOptions tiny{.submissions = 2, .completions = 2, .buffers = 1, .buffer_bytes = 4096};
  return {
      {"uring_coop", {.taskrun = Taskrun::coop, .single_issuer = false}},
      {"uring_none", {.taskrun = Taskrun::none, .registered_ring = false}},
      {"uring_sqpoll", {.taskrun = Taskrun::none, .sqpoll = true, .sqpoll_idle_ns = 1'000'000}},
      {"uring_single_shots", {.multishot_accept = false, .multishot_recv = false}},
      {"uring_own_buffers",
       {.multishot_recv = false, .buffer_ring = false, .poll_first = true, .skip_success = true}},
      {"uring_bundles", {.recv_bundles = true, .buffers = 64, .buffer_bytes = 1024}},
      {"uring_incremental", {.incremental_buffers = true, .buffers = 8}},
      {"uring_files", {.registered_files = true, .skip_success = true}},
      {"uring_zero_copy", {.send_zc_bytes = 1, .registered_buffers = true}},
      {"uring_zero_copy_large", {.send_zc_bytes = 1000, .link_shutdown = true}},
      {"uring_linked", {.multishot_recv = false, .link_recv = true, .link_shutdown = true}},
      {"uring_apart_linked", {.send_apart = true, .link_sends = true}},
      {"uring_linked_files",
       {.multishot_recv = false,
        .registered_files = true,
        .link_recv = true,
        .link_shutdown = true,
        .skip_success = true}},
      {"uring_sqpoll_files",
       {.taskrun = Taskrun::none, .registered_files = true, .link_shutdown = true, .sqpoll = true}},
      {"uring_tiny", tiny},
      {"uring_tiny_none",
       {.taskrun = Taskrun::none,
        .registered_files = true,
        .submissions = 1,
        .completions = 2,
        .buffers = 2,
        .buffer_bytes = 256}},
  };
}

}  // namespace zyphos::testing
