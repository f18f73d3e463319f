(* code-length-bounds, code-length-not-equality, code-length-block-limit (docs/theory.md, Code lengths): codes of M leaves, in bits. *)
From Coq Require Import Reals Lra Lia Arith ZArith List.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Code Kraft Blocks McMillan.
Import ListNotations.
Open Scope R_scope.

Definition cost M (p : nat -> R) (c : nat -> list bool) := Σ j < M, p j * INR (length (c j)).
(* a best prefix code, such as Huffman's *)
Definition best M p c := prefix_code M c /\ forall c', prefix_code M c' -> cost M p c <= cost M p c'.

Section Bounds.
Variables (M : nat) (p : nat -> R).
Hypothesis p_pos : forall j, (j < M)%nat -> 0 < p j.
Hypothesis unit : Sum M p = 1.
Lemma cost_ext c c' : (forall j, (j < M)%nat -> length (c j) = length (c' j)) -> cost M p c = cost M p c'.
Proof. intros E. apply Sum_ext. intros j Hj. rewrite E; auto. Qed.
(* no code that can be decoded without separators costs less than the entropy: McMillan and Gibbs *)
Lemma decodable_cost c : decodable M c -> entropy M p <= cost M p c.
Proof.
  intros D. apply (entropy_below M p (fun j => length (c j))); auto; [intros; left; auto|apply mcmillan, D].
Qed.
Lemma prefix_cost c : prefix_code M c -> entropy M p <= cost M p c.
Proof.
  intros F. apply (entropy_below M p (fun j => length (c j))); auto; [intros; left; auto|apply kraft_lengths; exists c; auto].
Qed.
Lemma shannon_code : exists c, prefix_code M c /\ cost M p c < entropy M p + 1.
Proof.
  destruct (proj1 (kraft_lengths M (fun j => shannon (p j))) (shannon_kraft M p p_pos unit)) as (c & F & L). exists c. split; auto.
  unfold cost. rewrite (Sum_ext M _ (fun j => p j * INR (shannon (p j)))); [apply shannon_cost; auto|]. intros j Hj. rewrite L; auto.
Qed.
Lemma best_cost c : best M p c -> entropy M p <= cost M p c < entropy M p + 1.
Proof.
  intros [F B]. destruct shannon_code as (s & G & S). split; [apply prefix_cost, F|]. eapply Rle_lt_trans; [apply (B s G)|exact S].
Qed.
(* n phrases, each coded by itself; z is the entropy rounded up *)
Theorem code_length_bounds c n z : best M p c -> (0 < n)%nat -> IZR z - 1 < entropy M p <= IZR z ->
  INR n * entropy M p <= INR n * cost M p c < INR n * (entropy M p + 1) /\
  Rabs (INR n * IZR z - INR n * cost M p c) < INR n /\
  (forall c', decodable M c' -> cost M p c <= cost M p c' /\ entropy M p <= cost M p c').
Proof.
  intros Hc Hn Hz. destruct (best_cost c Hc) as [A B]. apply (lt_INR 0) in Hn. simpl in Hn. repeat split.
  - apply Rmult_le_compat_l; lra.
  - apply Rmult_lt_compat_l; lra.
  - rewrite <- Rmult_minus_distr_l, Rabs_mult, (Rabs_right (INR n)) by lra. rewrite <- (Rmult_1_r (INR n)) at 2.
    apply Rmult_lt_compat_l; auto. apply Rabs_def1; lra.
  - pose proof (mcmillan M c' H) as K. apply (kraft_lengths M (fun j => length (c' j))) in K as (b & F & L).
    rewrite <- (cost_ext b c') by auto. apply Hc, F.
  - apply decodable_cost, H.
Qed.

(* --- a best code exists: only finitely many lengths are short enough --- *)
Lemma first_best n (P : nat -> Prop) (f : nat -> R) : (forall i, {P i} + {~ P i}) -> (exists i, (i < n)%nat /\ P i) ->
  exists i, (i < n)%nat /\ P i /\ forall j, (j < n)%nat -> P j -> f i <= f j.
Proof.
  intros D. induction n as [|n IH]; intros (i & Hi & Pi); [lia|].
  destruct (D n) as [Pn|Nn].
  - destruct (Nat.eq_dec n 0) as [->|]. { exists 0%nat. repeat split; auto. intros j Hj _. replace j with 0%nat by lia. lra. }
    assert (T : (exists i, (i < n)%nat /\ P i) \/ forall i, (i < n)%nat -> ~ P i).
    { clear -D. induction n as [|n [(j & Hj & Pj)|IH]]; [right; intros; lia|left; exists j; auto|].
      destruct (D n); [left; exists n; auto|right]. intros j Hj. destruct (Nat.eq_dec j n) as [->|]; auto. apply IH. lia. }
    destruct T as [T|T].
    + destruct (IH T) as (b & Hb & Pb & B). destruct (Rle_dec (f b) (f n)).
      * exists b. repeat split; auto. intros j Hj Pj. destruct (Nat.eq_dec j n) as [->|]; auto. apply B; auto. lia.
      * exists n. repeat split; auto. intros j Hj Pj. destruct (Nat.eq_dec j n) as [->|]; [lra|]. specialize (B j ltac:(lia) Pj). lra.
    + exists n. repeat split; auto. intros j Hj Pj. destruct (Nat.eq_dec j n) as [->|]; [lra|]. exfalso. apply (T j); auto. lia.
  - destruct IH as (b & Hb & Pb & B).
    { exists i. split; auto. destruct (Nat.eq_dec i n) as [->|]; [contradiction|lia]. }
    exists b. repeat split; auto. intros j Hj Pj. destruct (Nat.eq_dec j n) as [->|]; [contradiction|]. apply B; auto. lia.
Qed.
Theorem code_length_bounds_best_exists : exists c, best M p c.
Proof.
  destruct shannon_code as (s & F & cheap).
  assert (exists k, forall j, (j < M)%nat -> (entropy M p + 1) / p j < INR k) as [k Hk].
  { clear -p_pos. set (h := entropy M p + 1). clearbody h. induction M as [|m IH]; [exists 0%nat; intros; lia|].
    destruct IH as [k Hk]; [intros; apply p_pos; lia|].
    exists (max k (Z.to_nat (up (h / p m)))). intros j Hj. assert (j = m \/ (j < m)%nat) as [->|L] by lia.
    - eapply Rlt_le_trans; [|apply le_INR, Nat.le_max_r]. destruct (archimed (h / p m)) as [U _].
      destruct (Z_le_dec 0 (up (h / p m))) as [Z|Z]; [rewrite INR_IZR_INZ, Z2Nat.id by auto; lra|].
      assert (IZR (up (h / p m)) <= 0) by (apply IZR_le; lia). pose proof (pos_INR (Z.to_nat (up (h / p m)))). lra.
    - eapply Rlt_le_trans; [apply (Hk j L)|apply le_INR, Nat.le_max_l]. }
  set (len i j := nth j (digits (S k) M i) 0%nat).
  assert (R : forall l : nat -> nat, (forall j, (j < M)%nat -> (l j <= k)%nat) -> exists i, (i < S k ^ M)%nat /\ forall j, (j < M)%nat ->
    len i j = l j).
  { intros l Hl. destruct (digits_onto (S k) M (map l (seq 0 M))) as (i & Hi & E).
    - rewrite map_length, seq_length. reflexivity.
    - intros x Hx. apply in_map_iff in Hx as (j & <- & Hj). apply in_seq in Hj. specialize (Hl j ltac:(lia)). lia.
    - exists i. split; auto. intros j Hj. unfold len. rewrite E, (nth_indep _ _ (l 0%nat)) by (rewrite map_length, seq_length; auto).
      rewrite map_nth, seq_nth by auto. reflexivity. }
  assert (short : forall c, cost M p c < entropy M p + 1 -> forall j, (j < M)%nat -> (length (c j) <= k)%nat).
  { intros c Hc j Hj. apply INR_le. left. eapply Rle_lt_trans; [|apply (Hk j Hj)]. specialize (p_pos j Hj) as P.
    apply (Rmult_le_reg_l (p j)); auto. replace (p j * ((entropy M p + 1) / p j)) with (entropy M p + 1) by (field; lra).
    left. eapply Rle_lt_trans; [|exact Hc]. apply (Sum_term M (fun j => p j * INR (length (c j))) j); auto.
    intros i Hi. apply Rmult_le_pos; [left; auto|apply pos_INR]. }
  destruct (first_best (S k ^ M) (fun i => (Σ j < M, size (len i j)) <= 1) (fun i => Σ j < M, p j * INR (len i j))) as (i & Hi & K & B).
  - intros i. apply Rle_dec.
  - destruct (R (fun j => length (s j)) (short s cheap)) as (i & Hi & E). exists i. split; auto.
    rewrite (Sum_ext M _ (fun j => size (length (s j)))) by (intros j Hj; rewrite E; auto). apply kraft_lengths. exists s. auto.
  - destruct (proj1 (kraft_lengths M (len i)) K) as (c & Fc & L). exists c. split; auto.
    assert (V : cost M p c = Σ j < M, p j * INR (len i j)) by (apply Sum_ext; intros j Hj; rewrite L; auto).
    assert (G : forall c', prefix_code M c' -> cost M p c' < entropy M p + 1 -> cost M p c <= cost M p c').
    { intros c' F' S'. destruct (R (fun j => length (c' j)) (short c' S')) as (i' & Hi' & E). rewrite V.
      replace (cost M p c') with (Σ j < M, p j * INR (len i' j)) by (apply Sum_ext; intros j Hj; rewrite E; auto).
      apply B; auto. rewrite (Sum_ext M _ (fun j => size (length (c' j)))) by (intros j Hj; rewrite E; auto). apply kraft_lengths. exists c'. auto. }
    intros c' F'. destruct (Rlt_dec (cost M p c') (entropy M p + 1)); [apply G; auto|]. specialize (G s F cheap). lra.
Qed.
End Bounds.

(* --- best codes for blocks of m independent phrases: their cost a phrase tends to the entropy --- *)
Theorem code_length_block_limit M p (c : nat -> nat -> list bool) : (forall j, (j < M)%nat -> 0 < p j) -> Sum M p = 1 ->
  let L m := cost (M ^ m) (block M p m) (c m) in (forall m, best (M ^ m) (block M p m) (c m)) ->
  (forall m, INR m * entropy M p <= L m < INR m * entropy M p + 1) /\ is_lim_seq (fun m => L m / INR m) (entropy M p).
Proof.
  intros P U L B. assert (A : forall m, INR m * entropy M p <= L m < INR m * entropy M p + 1).
  { intros m. rewrite <- (block_entropy M p P U m). apply best_cost; auto; [intros; apply block_pos; auto|apply block_unit; auto]. }
  split; [exact A|].
  apply (is_lim_seq_le_le_loc (fun _ => entropy M p) _ (fun m => entropy M p + / INR m)).
  - exists 1%nat. intros m Hm. assert (0 < INR m) by (apply (lt_INR 0); lia). destruct (A m) as [A1 A2]. split.
    + apply (Rmult_le_reg_r (INR m)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
    + apply (Rmult_le_reg_r (INR m)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_plus_distr_r, Rinv_l by lra. lra.
  - apply is_lim_seq_const.
  - replace (Finite (entropy M p)) with (Rbar_plus (entropy M p) 0) by (simpl; f_equal; ring).
    apply is_lim_seq_plus'; [apply is_lim_seq_const|]. replace (Finite 0) with (Rbar_inv p_infty) by reflexivity.
    apply is_lim_seq_inv; [apply is_lim_seq_INR|discriminate].
Qed.

(* --- the expected code length is not the rounded entropy, and is bounded by it neither way. Logarithms of numbers are compared through
   whole numbers: the interval tactic would add some 50 assumptions about machine floats. --- *)
Definition skewed j := match j with 0%nat => 8/10 | _ => 1/10 end.
Lemma skewed_entropy : 0 < entropy 3 skewed < 1.
Proof.
  pose proof ln2. assert (A : ln (8/10) < 0) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (B : ln (1/10) < 0) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (C : - ln (8/10) * 8 + - ln (1/10) * 2 < ln 2 * 10).                     (* (10/8)^8 10^2 < 2^10 *)
  { replace (ln 2 * 10) with (INR 10 * ln 2) by (simpl; ring). rewrite <- ln_pow by lra.
    replace (- ln (8/10) * 8 + - ln (1/10) * 2) with (INR 8 * ln (10/8) + INR 2 * ln 10).
    - rewrite <- !ln_pow, <- ln_mult by (try apply pow_lt; lra). apply ln_increasing; [apply Rmult_lt_0_compat; apply pow_lt|]; lra.
    - replace (8/10) with (/ (10/8)) by field. replace (1/10) with (/ 10) by field. rewrite !ln_Rinv by lra. simpl. ring. }
  unfold entropy, log2, skewed. cbn [Sum].
  replace (- (0 + 8/10 * (ln (8/10) / ln 2) + 1/10 * (ln (1/10) / ln 2) + 1/10 * (ln (1/10) / ln 2)))
    with ((- ln (8/10) * 8 + - ln (1/10) * 2) / (ln 2 * 10)) by (field; lra).
  split; [apply Rdiv_lt_0_compat; lra|]. apply (Rmult_lt_reg_r (ln 2 * 10)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.
Lemma third_entropy : 1 < entropy 3 (fun _ => 1/3) < 2.
Proof.
  pose proof ln2. assert (E : entropy 3 (fun _ => 1/3) = ln 3 / ln 2).
  { unfold entropy, log2. cbn [Sum]. replace (1/3) with (/ 3) by field. rewrite ln_Rinv by lra. field. lra. }
  assert (A : ln 2 < ln 3) by (apply ln_increasing; lra).
  assert (B : ln 3 < 2 * ln 2). { replace (2 * ln 2) with (ln 2 + ln 2) by ring. rewrite <- ln_mult by lra. apply ln_increasing; lra. }
  rewrite E. split; apply (Rmult_lt_reg_r (ln 2)); auto; unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; lra.
Qed.
Definition code_122 (j : nat) := match j with 0%nat => [false] | 1%nat => [true; false] | _ => [true; true] end.
Lemma code_122_prefix : prefix_code 3 code_122.
Proof. apply prefix_code_words. intros [|[|[|i]]] [|[|[|j]]] Hi Hj D; try lia; simpl; intuition discriminate. Qed.
(* p = (8, 1, 1)/10: ⌈H⌉ = 1, the best code takes 6/5; p = (1, 1, 1)/3: ⌈H⌉ = 2, a best code takes at most 5/3 *)
Theorem code_length_not_equality :
  (0 < entropy 3 skewed < 1 /\ (forall c, prefix_code 3 c -> 6/5 <= cost 3 skewed c) /\ exists c, prefix_code 3 c /\ cost 3 skewed c = 6/5) /\
  (1 < entropy 3 (fun _ => 1/3) < 2 /\ exists c, prefix_code 3 c /\ cost 3 (fun _ => 1/3) c = 5/3).
Proof.
  split; [split; [exact skewed_entropy|split]|split; [exact third_entropy|]].
  - intros c H. unfold cost.
    assert (K : (Σ j < 3, size (length (c j))) <= 1) by (apply kraft_lengths; exists c; auto).
    cbn [Sum] in *. unfold skewed. pose proof (size_pos (length (c 0%nat))). pose proof (size_pos (length (c 1%nat))).
    pose proof (size_pos (length (c 2%nat))).
    assert (A : forall j, (0 < length (c j))%nat \/ size (length (c j)) = 1) by (intros j; destruct (length (c j)); [right; unfold size; simpl;
      lra|left; lia]).
    destruct (A 0%nat) as [A0|A0]; [|lra]. destruct (A 1%nat) as [A1|A1]; [|lra]. destruct (A 2%nat) as [A2|A2]; [|lra].
    assert (B : forall n, (0 < n)%nat -> 1 <= INR n) by (intros n Hn; apply (le_INR 1); lia).
    assert (B2 : forall n, (1 < n)%nat -> 2 <= INR n) by (intros n Hn; apply (le_INR 2); lia).
    destruct (le_lt_dec (length (c 0%nat)) 1).
    + assert (E : length (c 0%nat) = 1%nat) by lia. assert (size 1 = 1/2) by (unfold size; simpl; lra). rewrite E in *.
      assert (forall j, size (length (c j)) < 1/2 -> (1 < length (c j))%nat) as S.
      { intros j Hj. destruct (length (c j)) as [|[|n]]; [unfold size in Hj; simpl in Hj; lra|unfold size in Hj; simpl in Hj; lra|lia]. }
      pose proof (B2 _ (S 1%nat ltac:(lra))). pose proof (B2 _ (S 2%nat ltac:(lra))). simpl INR at 1. lra.
    + pose proof (B2 _ l). pose proof (B _ A1). pose proof (B _ A2). lra.
  - exists code_122. split; [exact code_122_prefix|]. unfold cost, skewed. cbn. field.
  - exists code_122. split; [exact code_122_prefix|]. unfold cost. cbn. field.
Qed.
