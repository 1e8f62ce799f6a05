// SPDX-License-Identifier: MIT
// Shared by the tests of commands under guard: programs that misbehave, and a look at what is left of them.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "process/boot_time.hpp"
#include "process/process_tree.hpp"

namespace coord::guard_test {

using namespace std::chrono_literals;

inline const std::string mischief = COORD_MISCHIEF;  // the helper program, given by CMake

// A directory that goes with the test, and a word that marks every process which the test starts.
class Scene {
 public:
  Scene() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coord-guard.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    word_ = "scene-" + directory_.substr(directory_.find_last_of('.') + 1);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    process::ProcessTree tree(marked());
    for (int i = 0; i < 500 && !tree.kill_all().empty(); ++i) std::this_thread::sleep_for(2ms);
    std::filesystem::remove_all(directory_);
  }

  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  std::uintmax_t size(const std::string& name) const {
    std::error_code none;
    const auto bytes = std::filesystem::file_size(file(name), none);
    return none ? 0 : bytes;
  }
  std::string text(const std::string& name) const {
    std::ifstream in(file(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::pair<std::string, std::string> mark() const { return {"COORD_TEST_SCENE", word_}; }
  process::Family marked() const {
    process::Family family;
    family.variable = "COORD_TEST_SCENE";
    family.word = word_;
    return family;
  }
  std::size_t alive() const { return process::ProcessTree(marked()).members().size(); }

 private:
  std::string directory_, word_;
};

// Waits until `condition` holds, at most 10 s (sanitizers on a busy machine are slow).
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

}  // namespace coord::guard_test
