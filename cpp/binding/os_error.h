// std::system_error as Python's OSError, errno and all.
#pragma once

#include <pybind11/pybind11.h>

#include <system_error>
#include <utility>

namespace zyphos {

// What the machine refuses becomes an OSError with its errno, so that Python can tell reasons
// apart.
template <typename Call>
auto as_os_error(Call&& call) {
  try {
    return call();
  } catch (const std::system_error& error) {
    pybind11::object os_error = pybind11::reinterpret_borrow<pybind11::object>(PyExc_OSError);
    PyErr_SetObject(os_error.ptr(), pybind11::make_tuple(error.code().value(), error.what()).ptr());
    throw pybind11::error_already_set();
  }
}

}  // namespace zyphos
