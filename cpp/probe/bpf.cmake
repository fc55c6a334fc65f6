# BPF programs: BPF_FOLDER/x.bpf.c -> generated/x.skel.h, by the target bpf_skeletons.
#
# Where libbpf, clang or bpftool is missing, ZYPHOS_HAVE_LIBBPF is 0 and ZYPHOS_NO_LIBBPF_REASON
# says which: it stands in `zyphos-lab doctor` and in every record. Where they are there, a program
# that does not compile fails the build. Knows no probe; tests/test_build_bpf.py includes it too.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LIBBPF QUIET IMPORTED_TARGET libbpf>=0.6)
endif()
find_program(BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
# On Ubuntu the bpftool on PATH is a wrapper that fails without tools for the running kernel.
file(GLOB bpftools /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool)
foreach(candidate bpftool /usr/sbin/bpftool ${bpftools})
  execute_process(COMMAND ${candidate} version RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(status EQUAL 0)
    set(BPFTOOL ${candidate})
    break()
  endif()
endforeach()

set(missing)
if(NOT LIBBPF_FOUND)
  list(APPEND missing libbpf-dev)
endif()
if(NOT BPF_CLANG)
  list(APPEND missing clang)
endif()
if(NOT BPFTOOL)
  list(APPEND missing bpftool)
endif()
set(ZYPHOS_NO_LIBBPF_REASON "built without libbpf-dev, clang or bpftool")
set(ZYPHOS_HAVE_LIBBPF 1)
if(missing)
  set(ZYPHOS_HAVE_LIBBPF 0)
  list(JOIN missing " and " missing)
  set(ZYPHOS_NO_LIBBPF_REASON "built without ${missing}")
  message(STATUS "zyphos: no BPF probes: ${ZYPHOS_NO_LIBBPF_REASON}")
endif()

set(BPF_ARCH x86)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(BPF_ARCH arm64)
endif()
set(BPF_COMPILE ${BPF_CLANG} -g -O2 -target bpf -D__TARGET_ARCH_${BPF_ARCH}
                -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -I${BPF_FOLDER}/..)
set(BPF_SKELETONS)
if(ZYPHOS_HAVE_LIBBPF)
  file(GLOB bpf_sources CONFIGURE_DEPENDS ${BPF_FOLDER}/*.bpf.c)
  file(GLOB bpf_headers CONFIGURE_DEPENDS ${BPF_FOLDER}/*.bpf.h ${BPF_FOLDER}/*_layout.h)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
  foreach(source ${bpf_sources})
    get_filename_component(name ${source} NAME)
    string(REPLACE ".bpf.c" "" name ${name})
    set(object ${CMAKE_BINARY_DIR}/generated/${name}.bpf.o)
    set(skeleton ${CMAKE_BINARY_DIR}/generated/${name}.skel.h)
    add_custom_command(
      OUTPUT ${skeleton}
      COMMAND ${BPF_COMPILE} -c ${source} -o ${object}
      COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
      DEPENDS ${source} ${bpf_headers}
      VERBATIM)
    list(APPEND BPF_SKELETONS ${skeleton})
  endforeach()
endif()
add_custom_target(bpf_skeletons DEPENDS ${BPF_SKELETONS})
