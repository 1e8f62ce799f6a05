# SPDX-License-Identifier: MIT
# Language level, warnings and the kinds of build. Presets (CMakePresets.json) only set COORD_SANITIZE and the build type.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -ffunction-sections -fdata-sections")  # no -DNDEBUG: checks that guard data stay on in release
set(COORD_CASE_OPTIONS "$<$<CONFIG:Release>:-Og>")  # of the tests' own files, which nobody ships: two fifths less to compile
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1 -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_SANITIZE "-Og -g1 -fno-omit-frame-pointer")  # -O1 takes a third more to compile here

# Half the CPU time of a whole build (31 minutes to 15), and more for the build after a small change: so scripts/test and
# scripts/quickstart use it for trees that they make, and nobody else has it by chance (Layers.cmake, coord_apart).
option(COORD_UNITY "compile several files of a target as one" OFF)
set(CMAKE_UNITY_BUILD ${COORD_UNITY})
if(NOT CMAKE_UNITY_BUILD_BATCH_SIZE)  # 5: little is compiled anew after a change; 40: less in all, for trees that are built once (tests: 12)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 5)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
# The presets set it: whoever builds by another compiler's warnings is not stopped by them.
option(COORD_WARNINGS_ARE_ERRORS "a warning ends the build" OFF)
if(COORD_WARNINGS_ARE_ERRORS)
  add_compile_options(-Werror)
endif()
add_compile_options("$<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>")  # g++ has it apart from -Wconversion in C++
# libstdc++ 12's own stable_sort uses what it calls deprecated, and clang 19 says so where it is used.
add_compile_options("$<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns about its own library's code here (GCC bugs 105329, 105651 and kin).
  add_compile_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds)
endif()

set(COORD_SANITIZE "" CACHE STRING "address (with undefined), thread, fuzzer, or empty")
if(COORD_SANITIZE STREQUAL "address")
  # A null or misplaced pointer ends in AddressSanitizer's report anyway; these checks of each access double the time of a build.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(COORD_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(COORD_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# What is compiled does not tell where: a clone at another path finds the same results in the compiler's cache, and what is
# shipped is the same.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
find_program(COORD_CCACHE ccache)
if(COORD_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_IGNOREOPTIONS=--param=ggc* ${COORD_CCACHE})
endif()
# g++ looks for memory that it could use again although there is enough: a seventh of a file's time. What it makes is the same.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  cmake_host_system_information(RESULT memory_mib QUERY TOTAL_PHYSICAL_MEMORY)
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  math(EXPR memory_of_a_core_mib "${memory_mib} / ${cores}")
  if(memory_of_a_core_mib GREATER 2500)
    add_compile_options(--param=ggc-min-expand=1000 --param=ggc-min-heapsize=4000000)
  endif()
endif()
find_program(COORD_MOLD mold)
find_program(COORD_LLD ld.lld)
if(COORD_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(COORD_LLD)
  add_link_options(-fuse-ld=lld)
endif()
