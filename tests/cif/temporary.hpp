// A CIF file that a test makes from text, removed at the end.
#pragma once
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text = "") {
    static int count = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("pendel_" + std::to_string(getpid()) + "_" + std::to_string(++count) + ".cif"))
                .string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
