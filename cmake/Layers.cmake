# SPDX-License-Identifier: MIT
# One target a layer. A layer's headers are reachable only through its target's include directory, so an #include
# of a layer that is not linked does not build: that is how the dependency rule is kept.

# A whole build compiles several files of a target as one (COORD_UNITY, Toolchain.cmake): what they include is then parsed and
# instantiated once. What stands in their unnamed namespaces meets there, so files that use the same name for different things
# are kept apart: coord_apart(file...) for some, coord_all_apart(target...) where each file is a program's verb, say.
function(coord_apart)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION TRUE)
endfunction()
function(coord_all_apart)
  set_target_properties(${ARGN} PROPERTIES UNITY_BUILD FALSE)
endfunction()

# Whoever wants locks alone compiles a coordd of these in two thirds of the time (scripts/quickstart).
set(COORD_PARTS all CACHE STRING "what coordd does beside the replicated service: all, or members (for a tree without tests)")
set_property(CACHE COORD_PARTS PROPERTY STRINGS all members)
if(NOT COORD_PARTS MATCHES "^(all|members)$")
  message(FATAL_ERROR "COORD_PARTS is all or members, not ${COORD_PARTS}")
endif()

# coord_layer(NAME [USES layer...] [LINKS target...] [DEFINES word...] [MESSAGES file...] [MEMBERS pattern...]): library
# coord_NAME from all *.cpp under the current folder; MESSAGES alone are coord_NAME_messages, for tools that talk with what the
# layer is. MEMBERS are what is left of it where coordd has the members alone. none.cpp and removable_rules.cpp take another
# file's place in some programs, and are in no layer otherwise.
function(coord_layer name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS;DEFINES;MESSAGES;MEMBERS" ${ARGN})
  if(ARG_MEMBERS AND COORD_PARTS STREQUAL "members" AND NOT BUILD_TESTING)
    file(GLOB sources CONFIGURE_DEPENDS ${ARG_MEMBERS})
  else()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/(none|removable_rules)\\.cpp$")
  endif()
  if(ARG_MESSAGES)
    list(TRANSFORM ARG_MESSAGES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    list(REMOVE_ITEM sources ${ARG_MESSAGES})
  endif()
  set(root ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  list(TRANSFORM ARG_USES PREPEND coord_)
  if(ARG_MESSAGES)
    add_library(coord_${name}_messages STATIC ${ARG_MESSAGES})
    target_include_directories(coord_${name}_messages PUBLIC ${root})
    target_link_libraries(coord_${name}_messages PRIVATE coord_wire)
    coord_precompile_for(coord_${name}_messages ${name})
    list(APPEND ARG_LINKS coord_${name}_messages)
  endif()
  if(NOT sources)
    add_library(coord_${name} INTERFACE)
    target_include_directories(coord_${name} INTERFACE ${root})
    target_link_libraries(coord_${name} INTERFACE ${ARG_USES} ${ARG_LINKS})
    return()
  endif()
  add_library(coord_${name} STATIC ${sources})
  coord_precompile_for(coord_${name} ${name})
  target_include_directories(coord_${name} PUBLIC ${root})
  target_compile_definitions(coord_${name} PUBLIC ${ARG_DEFINES})
  target_link_libraries(coord_${name} PUBLIC ${ARG_USES} ${ARG_LINKS})
endfunction()

# scripts/test runs most cases of C++ under AddressSanitizer, and does not compile them a second time without (half of a tree).
option(COORD_CASES "build the cases that a sanitizer runs as well" ON)

# coord_group(GROUP TARGET): `--target GROUP` builds TARGET among others. scripts/test builds such groups for its sanitizer runs.
function(coord_group group target)
  if(NOT TARGET ${group})
    add_custom_target(${group})
  endif()
  add_dependencies(${group} ${target})
endfunction()

# coord_test(NAME SOURCES file... USES layer... [LINKS target...] [LABELS label...]): a Catch2 program, one ctest a case, that can
# remove rules (base/rule.hpp). Under a sanitizer it is one ctest as a whole: to begin a process for each of 1,500 cases took minutes.
# Labels that scripts/test knows: `threads` runs under ThreadSanitizer as well, `slow` and `mutants` not under sanitizers,
# `release` under AddressSanitizer with --thorough only.
function(coord_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINKS;LABELS" ${ARGN})
  find_package(Catch2 REQUIRED)
  include(${Catch2_DIR}/Catch.cmake)
  list(TRANSFORM ARG_USES PREPEND coord_)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE coord_removable_rules ${ARG_USES} ${ARG_LINKS} Catch2::Catch2WithMain)
  target_compile_options(${name} PRIVATE ${COORD_CASE_OPTIONS})
  coord_use_precompiled(${name} catch)
  if(NOT COORD_CASES AND NOT ARG_LABELS MATCHES "slow|mutants|release")
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    return()
  endif()
  foreach(label IN LISTS ARG_LABELS)
    coord_group(tests_${label} ${name})
  endforeach()
  if(COORD_SANITIZE)
    add_test(NAME ${name} COMMAND ${name} -w NoTests)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 900)
  else()
    catch_discover_tests(${name} TEST_PREFIX "${name}: " EXTRA_ARGS -w NoTests PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300)
  endif()
  if(NOT "slow" IN_LIST ARG_LABELS AND NOT "mutants" IN_LIST ARG_LABELS)
    coord_group(tests_sanitized ${name})
  endif()
endfunction()

# coord_link_small(NAME [STATIC]): how tools are linked to start fast: the C++ library linked in (saves 0.9 ms of 2.0), with
# STATIC the C library too (another 0.25 ms: dlock then starts as fast as flock); not for what looks up users or host names. At any
# address all the same: its own relocations are 8 page faults, and lost in what starts differ by anyway (1 % of 0.5 ms).
function(coord_link_small name)
  if(COORD_SANITIZE)
    return()
  endif()
  if("STATIC" IN_LIST ARGN)
    target_link_options(${name} PRIVATE -static-pie -Wl,--gc-sections)
  else()
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections)
  endif()
endfunction()

# coord_tool(NAME [STATIC] SOURCES file... USES layer...): a program, installed to bin.
function(coord_tool name)
  cmake_parse_arguments(ARG "STATIC" "" "SOURCES;USES;LINKS" ${ARGN})
  set(layers ${ARG_USES})
  list(TRANSFORM ARG_USES PREPEND coord_)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_USES} ${ARG_LINKS})
  target_compile_definitions(${name} PRIVATE COORD_VERSION="${PROJECT_VERSION}")
  coord_precompile_for(${name} ${layers})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(ARG_STATIC)
    coord_link_small(${name} STATIC)
  else()
    coord_link_small(${name})
  endif()
  coord_group(tests_sanitized ${name})
  set_property(GLOBAL APPEND PROPERTY COORD_TOOLS ${name})  # completions and the tests of every tool go through this list
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
