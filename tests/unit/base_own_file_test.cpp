// SPDX-License-Identifier: MIT
// Files of one's own, where others may have been first.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/own_file.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace std::chrono_literals;

TEST_CASE("a file of one's own is opened or made, for this user alone") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  CHECK(open_own_file(path, O_RDONLY).error().text() ==
        path + ": cannot be opened: No such file or directory: name a file that is there");
  REQUIRE(open_own_file(path, O_RDWR | O_CREAT).ok());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600U);
  CHECK(open_own_file(path, O_RDONLY).ok());
}

TEST_CASE("what is none of one's own is refused, and a FIFO is not waited for") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  const auto refusal = [&](int flags) { return open_own_file(path, flags | O_CREAT).error().what; };
  std::filesystem::create_symlink("/dev/null", path);
  CHECK(refusal(O_RDWR) == "it is a symbolic link");
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(refusal(O_RDWR) == "it is no regular file");
  CHECK(refusal(O_WRONLY) == "cannot be opened: No such device or address");
  CHECK(refusal(O_RDONLY) == "it is no regular file");
  std::filesystem::remove(path);
  if (::geteuid() != 0) return;
  std::ofstream(path) << "theirs";
  REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  CHECK(refusal(O_RDWR) == "it belongs to another user (uid 65534)");
}

TEST_CASE("a lock that somebody keeps is given up, one that is let go in time is had") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  Descriptor kept = open_own_file(path, O_RDWR | O_CREAT).value();
  const Descriptor mine = open_own_file(path, O_RDWR).value();
  REQUIRE(::flock(kept.get(), LOCK_EX) == 0);
  CHECK(lock_within(mine, path, 20ms).error().text() ==
        path + ": another process keeps it locked: end that process: lsof names it");
  kept.reset();
  CHECK(lock_within(mine, path, 0ms).ok());
}
