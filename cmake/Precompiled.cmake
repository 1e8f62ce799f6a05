# SPDX-License-Identifier: MIT
# The standard headers that nearly every file includes are parsed once (0.5 of the 2.5 s that a file takes), Asio and Catch2
# with them where they are used. A file still includes what it uses: the build under ThreadSanitizer goes without.
option(COORD_PRECOMPILE "parse the standard headers once" ON)

set(headers algorithm array chrono compare cstddef cstdint cstring deque functional limits map memory optional set span string
            string_view type_traits utility variant vector)
list(TRANSFORM headers REPLACE "(.+)" "<\\1>")

# coord_precompiled(NAME HEADERS... LINKS... DEFINES... OPTIONS... VERSION of what is included): a target whose precompiled
# headers others use.
string(TOUPPER ${CMAKE_BUILD_TYPE} kind)
function(coord_precompiled name)
  cmake_parse_arguments(ARG "" "VERSION" "HEADERS;LINKS;DEFINES;OPTIONS" ${ARGN})
  if(NOT COORD_PRECOMPILE OR TARGET precompiled_${name})
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp.new "// Only its headers matter.\n")
  file(COPY_FILE ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp.new ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp ONLY_IF_DIFFERENT)
  add_library(precompiled_${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
  target_precompile_headers(precompiled_${name} PRIVATE ${headers} ${ARG_HEADERS})
  # The compiler's cache knows them by this text (CCACHE_PCH_EXTSUM): their own bytes tell where they were made.
  string(JOIN " " sum ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${kind}} ${COORD_SANITIZE} ${headers}
         ${ARG_HEADERS} ${ARG_DEFINES} ${ARG_OPTIONS} ${ARG_VERSION})
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/CMakeFiles/precompiled_${name}.dir/cmake_pch.hxx.gch.sum CONTENT "${sum}\n")
  target_link_libraries(precompiled_${name} PRIVATE ${ARG_LINKS})
  target_compile_definitions(precompiled_${name} PRIVATE ${ARG_DEFINES})
  target_compile_options(precompiled_${name} PRIVATE ${ARG_OPTIONS})
endfunction()

# coord_use_precompiled(TARGET NAME)
function(coord_use_precompiled target name)
  if(TARGET precompiled_${name})
    target_precompile_headers(${target} REUSE_FROM precompiled_${name})
  endif()
endfunction()

# coord_precompile_for(TARGET layer...): the set that suits a target of these layers.
function(coord_precompile_for target)
  if("net" IN_LIST ARGN OR "daemon" IN_LIST ARGN)
    coord_use_precompiled(${target} asio)
  else()
    coord_use_precompiled(${target} std)
  endif()
endfunction()

find_package(Boost 1.81 REQUIRED)
coord_precompiled(std)
coord_precompiled(asio HEADERS <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
                  LINKS Boost::headers DEFINES BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED VERSION ${Boost_VERSION})
if(BUILD_TESTING)
  find_package(Catch2 REQUIRED)
  coord_precompiled(catch HEADERS <catch2/catch.hpp> LINKS Catch2::Catch2 OPTIONS ${COORD_CASE_OPTIONS} VERSION ${Catch2_VERSION})
endif()
