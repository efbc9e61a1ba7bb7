# The functions that make rooms, tests and benchmarks, and the packages they need.

set(PENDEL_WARNINGS -Wall -Wextra -Wpedantic)

macro(pendel_packages)
  find_package(PkgConfig REQUIRED)
  find_package(Eigen3 3.3 REQUIRED NO_MODULE)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  find_package(Ceres REQUIRED)
  find_package(yaml-cpp REQUIRED)
  find_package(LAPACK REQUIRED)
  find_package(HDF5 REQUIRED COMPONENTS C)
  pkg_check_modules(FFTW REQUIRED IMPORTED_TARGET fftw3)
  pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4)
  pkg_check_modules(FFTWF REQUIRED IMPORTED_TARGET fftw3f)
  find_path(LAPACKE_INCLUDE_DIR lapacke.h REQUIRED)
  find_library(LAPACKE_LIBRARY lapacke REQUIRED)
  find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES x86_64-linux-gnu aarch64-linux-gnu openblas REQUIRED)
  find_path(GEMMI_INCLUDE_DIR gemmi/symmetry.hpp REQUIRED)
  find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)

  add_library(pendel_blas INTERFACE)
  target_include_directories(pendel_blas SYSTEM INTERFACE ${LAPACKE_INCLUDE_DIR} ${CBLAS_INCLUDE_DIR})
  target_link_libraries(pendel_blas INTERFACE ${LAPACKE_LIBRARY} LAPACK::LAPACK BLAS::BLAS)
  # Ceres of Debian 12 brings ATLAS's BLAS with it; who is loaded first also serves LAPACK.
  foreach(library IN LISTS BLAS_LIBRARIES)
    if(library MATCHES "openblas.*\\.so")
      target_link_options(pendel_blas INTERFACE
                          LINKER:--push-state,--no-as-needed,${library},--pop-state)
    endif()
  endforeach()
  add_library(gemmi_headers INTERFACE)
  target_include_directories(gemmi_headers SYSTEM INTERFACE ${GEMMI_INCLUDE_DIR})
  add_library(pendel_cli11 INTERFACE)
  target_include_directories(pendel_cli11 SYSTEM INTERFACE ${CLI11_INCLUDE_DIR})
  add_library(pendel_hdf5 INTERFACE)
  target_include_directories(pendel_hdf5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIRS})
  target_link_libraries(pendel_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
  add_library(pendel_tiff INTERFACE)
  target_link_libraries(pendel_tiff INTERFACE PkgConfig::TIFF)
  add_library(pendel_ceres INTERFACE)
  target_link_libraries(pendel_ceres INTERFACE Ceres::ceres)
  install(TARGETS pendel_blas gemmi_headers pendel_cli11 pendel_hdf5 pendel_tiff pendel_ceres EXPORT pendel)
endmacro()

# pendel_room(NAME ROOMS lower rooms  LIBRARIES public  PRIVATE libraries  EXCLUDE sources)
function(pendel_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.cpp)
  foreach(excluded ${ROOM_EXCLUDE})
    list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/${name}/${excluded})
  endforeach()
  add_library(pendel_${name} STATIC ${sources})
  target_include_directories(pendel_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                                   $<INSTALL_INTERFACE:include/pendel>)
  target_compile_options(pendel_${name} PRIVATE ${PENDEL_WARNINGS})
  set_target_properties(pendel_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  foreach(room ${ROOM_ROOMS})
    target_link_libraries(pendel_${name} PUBLIC pendel_${room})
  endforeach()
  target_link_libraries(pendel_${name} PUBLIC ${ROOM_LIBRARIES} PRIVATE ${ROOM_PRIVATE} pendel_flags)
  # for other projects: find_package(pendel), pendel::NAME, #include "NAME/file.hpp"
  set_target_properties(pendel_${name} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS pendel_${name} EXPORT pendel ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${name} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pendel
          FILES_MATCHING PATTERN "*.hpp" PATTERN examples EXCLUDE)
endfunction()

add_library(pendel_flags INTERFACE)
install(TARGETS pendel_flags EXPORT pendel)
target_compile_definitions(pendel_flags INTERFACE EIGEN_DONT_PARALLELIZE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # let it use memory before it looks for what it could give back
  add_compile_options(--param=ggc-min-heapsize=524288)
endif()
# Fused multiply-add where the code runs on a processor that has it (core/clones.hpp).
target_compile_options(pendel_flags INTERFACE -ffp-contract=fast)
if(PENDEL_NATIVE)
  add_compile_options(-march=native)
  # The system's Ceres holds Eigen objects too: both must allocate alike.
  add_compile_definitions(EIGEN_MAX_ALIGN_BYTES=16)
endif()
if(PENDEL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
  # As above: under a sanitizer Eigen would allocate in its own way.
  add_compile_definitions(EIGEN_MALLOC_ALREADY_ALIGNED=1)
endif()

# What find_package(pendel) of other projects reads.
function(pendel_install_package)
  include(CMakePackageConfigHelpers)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/pendel)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pendelConfig.cmake.in
    ${PROJECT_BINARY_DIR}/pendelConfig.cmake INSTALL_DESTINATION ${folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/pendelConfigVersion.cmake
                                   COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/pendelConfig.cmake
                ${PROJECT_BINARY_DIR}/pendelConfigVersion.cmake DESTINATION ${folder})
  install(EXPORT pendel NAMESPACE pendel:: FILE pendelTargets.cmake DESTINATION ${folder})
endfunction()
