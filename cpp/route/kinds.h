// The five kinds, each in a file of its own, for router.cpp.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "route/router.h"

namespace zyphos::route {

std::unique_ptr<Router> make_linear(const Table& table);
std::unique_ptr<Router> make_hash(const Table& table);
std::unique_ptr<Router> make_trie(const Table& table);
std::unique_ptr<Router> make_radix(const Table& table);
std::expected<std::unique_ptr<Router>, std::string> make_dfa(const Table& table,
                                                             std::size_t states_max);

}  // namespace zyphos::route
