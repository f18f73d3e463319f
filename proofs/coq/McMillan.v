(* McMillan's inequality (docs/theory.md, Code lengths): any code that can be decoded without separators has Σ 2^-len <= 1, prefix code
   or not. No claim of its own; code-length-bounds in CodeLength.v rests on it. *)
From Coq Require Import Reals Lra Lia Arith List Bool.
From Compresslab Require Import Base Code Kraft Blocks.
Import ListNotations.
Open Scope R_scope.

(* different sequences of leaves have different bits *)
Definition decodable M (c : nat -> list bool) := forall s t, (forall x, In x s -> (x < M)%nat) -> (forall x, In x t -> (x < M)%nat) ->
  concat (map c s) = concat (map c t) -> s = t.

(* --- different words of at most m bits take at most m + 1 of space --- *)
Lemma branch_nodup x C : NoDup C -> NoDup (branch x C).
Proof.
  intros H. induction H as [|[|y w] C I H IH]; simpl; auto; [constructor|].
  destruct (Bool.eqb_spec x y) as [<-|]; auto. constructor; auto. intros K. apply I, branch_in, K.
Qed.
Lemma branch_space_root C : NoDup C -> space C <= 1 + / 2 * (space (branch false C) + space (branch true C)).
Proof.
  intros H. induction H as [|[|y w] C I H IH]; simpl; [lra| |].
  - rewrite (branch_space C I). unfold size. simpl. lra.
  - unfold size in *. assert (0 < 2 ^ length w) by (apply pow_lt; lra). simpl.
    replace (/ (2 * 2 ^ length w)) with (/ 2 * / 2 ^ length w) by (field; lra). destruct y; simpl; unfold size; lra.
Qed.
Lemma distinct_space m : forall C, NoDup C -> (forall w, In w C -> (length w <= m)%nat) -> space C <= INR m + 1.
Proof.
  induction m as [|m IH]; intros C D L.
  - destruct C as [|w [|v C]].
    + simpl. lra.
    + specialize (L w (or_introl eq_refl)). simpl. unfold size. replace (length w) with 0%nat by lia. simpl. lra.
    + exfalso. pose proof (L w (or_introl eq_refl)). pose proof (L v (or_intror (or_introl eq_refl))).
      destruct w, v; simpl in *; try lia. inversion D; subst. apply H3. left. reflexivity.
  - pose proof (branch_space_root C D).
    pose proof (IH _ (branch_nodup false C D) (branch_size false C m L)). pose proof (IH _ (branch_nodup true C D) (branch_size true C m L)).
    rewrite S_INR. lra.
Qed.

(* --- the n-th power of Σ 2^-len is the space of all sequences of n leaves --- *)
Section McMillan.
Variables (M : nat) (c : nat -> list bool).
Hypothesis unique : decodable M c.
Let K := Σ j < M, size (length (c j)).
Let bits n i := concat (map c (digits M n i)).
Lemma size_app (u v : list bool) : size (length (u ++ v)) = size (length u) * size (length v).
Proof. unfold size. rewrite app_length, pow_add. field. split; apply pow_nonzero; lra. Qed.
Lemma power n : (0 < M)%nat -> (Σ i < M ^ n, size (length (bits n i))) = K ^ n.
Proof.
  intros HM. induction n as [|n IH]; [unfold bits; simpl; unfold size; simpl; lra|].
  transitivity (Σ a < M ^ n, Σ j < M, size (length (c j ++ bits n a))); [exact (Sum_digits M n (fun a j => size (length (c j ++ bits n a))) HM)|].
  rewrite <- tech_pow_Rmult, <- IH, <- Sum_scal.
  apply Sum_ext. intros a _. unfold K. rewrite Rmult_comm, <- Sum_scal. apply Sum_ext. intros j _. rewrite size_app. ring.
Qed.
Lemma space_Sum m (w : nat -> list bool) : space (map w (seq 0 m)) = Σ i < m, size (length (w i)).
Proof. rewrite space_lengths, map_map. apply (total_Sum m (fun i => length (w i))). Qed.
Lemma map_nodup m (w : nat -> list bool) : (forall i j, (i < m)%nat -> (j < m)%nat -> w i = w j -> i = j) -> NoDup (map w (seq 0 m)).
Proof.
  intros I. assert (G : forall l, NoDup l -> incl l (seq 0 m) -> NoDup (map w l)).
  { intros l D. induction D as [|x l X D IH]; intros J; simpl; constructor.
    - intros H. apply in_map_iff in H as (y & E & Hy). assert (In x (seq 0 m)) as Ix by (apply J; left; auto).
      assert (In y (seq 0 m)) as Iy by (apply J; right; auto). apply in_seq in Ix, Iy.
      assert (y = x) as -> by (apply I; auto; lia). contradiction.
    - apply IH. intros y Hy. apply J. right; auto. }
  apply G; [apply seq_NoDup|intros x; auto].
Qed.
Lemma bound_length : exists m, forall j, (j < M)%nat -> (length (c j) <= m)%nat.
Proof.
  clear unique K bits. induction M as [|k [m IH]]; [exists 0%nat; intros; lia|]. exists (max m (length (c k))). intros j Hj.
  destruct (Nat.eq_dec j k) as [->|]; [lia|]. specialize (IH j ltac:(lia)). lia.
Qed.
Theorem mcmillan : K <= 1.
Proof.
  destruct (Nat.eq_0_gt_0_cases M) as [Z|HM]; [unfold K; rewrite Z; simpl; lra|].
  destruct bound_length as [m Hm].
  assert (B : forall n, K ^ n <= INR (n * m) + 1).
  { intros n. rewrite <- power, <- space_Sum by auto. apply distinct_space.
    - apply map_nodup. intros i j Hi Hj E. apply (digits_injective M n); auto. apply unique; auto; intros x; apply digits_below; auto.
    - intros w Hw. apply in_map_iff in Hw as (i & <- & Hi). unfold bits. clear Hi. revert i. induction n as [|n IH]; intros i; simpl; [lia|].
      rewrite app_length. specialize (IH (i / M)%nat). assert (length (c (i mod M)) <= m)%nat; [|lia]. apply Hm, Nat.mod_upper_bound. lia. }
  destruct (Rle_or_lt K 1) as [|X]; auto. exfalso. set (x := K - 1). assert (0 < x) by (unfold x; lra).
  set (n := Z.to_nat (up ((2 * INR m + 1) / (x * x)))). assert (HX : 0 < (2 * INR m + 1) / (x * x)) by (pose proof (pos_INR m); pos).
  assert (Hn : (2 * INR m + 1) / (x * x) < INR n).
  { unfold n. destruct (archimed ((2 * INR m + 1) / (x * x))) as [U _]. rewrite (INR_IZR_INZ (Z.to_nat _)), Z2Nat.id; [lra|]. apply le_IZR. lra. }
  assert (N1 : 1 <= INR n).
  { assert (0 < n)%nat as P by (apply INR_lt; simpl; lra). apply (le_INR 1). lia. }
  assert (P : 1 + INR n * x <= K ^ n).
  { replace K with (1 + x) by (unfold x; ring). apply poly. auto. }
  pose proof (B (n + n)%nat) as Q. rewrite pow_add in Q.
  assert ((1 + INR n * x) * (1 + INR n * x) <= K ^ n * K ^ n) by (assert (0 <= INR n * x) by nra; apply Rmult_le_compat; lra).
  rewrite mult_INR, plus_INR in Q.
  assert (INR n * x * (INR n * x) <= INR n * (2 * INR m + 1)) by nra.
  assert (INR n * (x * x) <= 2 * INR m + 1) by (apply (Rmult_le_reg_l (INR n)); lra).
  assert ((2 * INR m + 1) < INR n * (x * x)); [|lra].
  apply (Rmult_lt_compat_r (x * x)) in Hn; [|pos]. unfold Rdiv in Hn. rewrite Rmult_assoc, Rinv_l in Hn by (apply pos_not_0; pos). lra.
Qed.
End McMillan.

(* --- prefix codes of two or more leaves can be decoded --- *)
Lemma split_prefix (u v a b : list bool) : u ++ a = v ++ b -> prefix u v \/ prefix v u.
Proof.
  revert v. induction u as [|x u IH]; intros [|y v]; simpl; auto. intros E. injection E as -> E. destruct (IH v E); auto.
Qed.
Theorem prefix_decodable M c : (1 < M)%nat -> prefix_code M c -> decodable M c.
Proof.
  intros HM P'. pose proof (proj1 (prefix_code_words M c) P') as P. clear P'. assert (N : forall x, (x < M)%nat -> c x <> []).
  { intros x Hx E. set (y := if Nat.eqb x 0 then 1%nat else 0%nat).
    assert (x <> y /\ (y < M)%nat) as [D Hy] by (unfold y; destruct (Nat.eqb_spec x 0); lia).
    apply (P x y Hx Hy D). rewrite E. exact I. }
  intros s. induction s as [|x s IH]; intros [|y t] Hs Ht E; simpl in E; auto.
  - exfalso. symmetry in E. apply app_eq_nil in E as [E _]. apply (N y); auto. apply Ht. left; auto.
  - exfalso. apply app_eq_nil in E as [E _]. apply (N x); auto. apply Hs. left; auto.
  - assert (Hx : (x < M)%nat) by (apply Hs; left; auto). assert (Hy : (y < M)%nat) by (apply Ht; left; auto).
    destruct (Nat.eq_dec x y) as [->|D].
    + apply app_inv_head in E. f_equal. apply IH; auto; intros z Hz; [apply Hs|apply Ht]; right; auto.
    + exfalso. destruct (split_prefix _ _ _ _ E) as [F|F]; [apply (P x y)|apply (P y x)]; auto.
Qed.
